"""Every pinned peer, dialled from this host with the node's own certificate, and this host's clock against theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from psi_client.channel import TlsIdentity
from psi_client.hello import NodeFacts
from psi_client.peer_fault import Fault
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.registry import PROFILE
from psi_core.session.opening import PROTOCOL
from psi_service.clock import Clock
from psi_service.doctor.finding import Finding, fault, ok, warning
from psi_service.doctor.pinned_cards import PinnedCards, consortium_key_id
from psi_service.identity.own_card import read_card
from psi_service.peers.delivery import Delivery
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.probe import PeerProbe, ProbeResult
from psi_service.settings import Settings
from psi_service.store.reading import reading
from psi_service.version import version

AT_ONCE = 8
"""Peers that are dialled at the same time."""

# The probe compares clocks before these, so they say that the clocks agree.
_AFTER_THE_CLOCK = (None, Fault.PROFILE, Fault.CONSORTIUM_KEY, Fault.CARD)


async def ask_peers(settings: Settings, keys: NodeKeys, clock: Clock) -> tuple[ProbeResult, ...]:
    """Probe every pinned peer. Raises StoreError, InvalidConfiguration."""
    with reading(settings.data_dir) as db:
        pinned, key_id = PinnedCards(db), consortium_key_id(db)
    own = read_card(settings, keys).card

    async def facts() -> NodeFacts:
        return NodeFacts(settings.lab, (PROTOCOL,), PROFILE, key_id, own.fingerprint(), version())

    tls = TlsIdentity(settings.lab, keys.tls_certificate_pem, keys.tls_key_pem)
    probe = PeerProbe(tls, pinned, Delivery(tls, pinned, OpenCalls()), facts, clock)
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(lab: str) -> ProbeResult:
        async with places:
            return await probe.test(lab)

    return tuple(await asyncio.gather(*map(ask, pinned.labs())))


def of_peers(results: Sequence[ProbeResult]) -> tuple[Finding, ...]:
    """One line for each peer. A peer that is away is its own lab's business: a warning."""
    if not results:
        return (warning("peers", "No peer is pinned.", "Pin the other lab's card: `psi peers add`."),)
    return tuple(
        ok("peers", result.words)
        if result.fault is None
        else warning("peers", f"{result.lab}: {result.words}", result.mend)
        for result in results
    )


def of_clock(results: Sequence[ProbeResult]) -> Finding:
    """This host's clock, as far as the peers can tell."""
    apart = [result.lab for result in results if result.fault == Fault.CLOCK]
    agree = [result.lab for result in results if result.fault in _AFTER_THE_CLOCK]
    if apart and not agree:
        return fault(
            "clock",
            f"This host's clock is more than 5 minutes from that of {', '.join(apart)}.",
            "Let the host keep its time by NTP.",
        )
    if agree:
        return ok("clock", f"This host's clock agrees with that of {', '.join(agree)}.")
    return warning(
        "clock",
        "No peer could be asked for its time.",
        "Check by hand that the host keeps its time by NTP.",
    )
