"""`psi peers test`: which of the things that can be wrong between two nodes it is, and who has to mend it.

    route ─▶ TLS ─▶ their certificate ─▶ validity ─▶ ours accepted ─▶ clock ─▶ protocol ─▶ profile ─▶
    consortium key ─▶ card

The first fault found is the one reported; each later step presumes the earlier ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from psi_client.channel import TlsIdentity
from psi_client.hello import Greeting, NodeFacts
from psi_client.peer_fault import Fault
from psi_core.errors import InvalidCertificate, PeerUnreachable, ProtocolFault, PsiError
from psi_core.identity.card import Card, in_fours
from psi_core.identity.certificate import certificate_pin, der_of_pem
from psi_service.address import Address
from psi_service.clock import Clock
from psi_service.peers.delivery import Delivery
from psi_service.peers.pinned import Pinned
from psi_service.peers.presented import presented_certificate
from psi_service.peers.validity import check_valid_at

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""What two clocks may be apart; within it a responder allows a period's number (design.md section 4)."""

_TURNED_AWAY = (Fault.UNREACHABLE, Fault.NOT_ACCEPTED)


class ProbeResult(BaseModel):
    """What a test found. `fault` is None when all is well; `words` say what is, `mend` what to do about it."""

    model_config = ConfigDict(frozen=True)

    lab: str
    fault: Fault | None
    words: str
    mend: str


class PeerProbe:
    """Tests pinned peers. `facts` returns what this node says of itself in Hello."""

    def __init__(
        self,
        own: TlsIdentity,
        directory: Pinned,
        delivery: Delivery,
        facts: Callable[[], Awaitable[NodeFacts]],
        clock: Clock,
    ) -> None:
        self._own = own
        self._directory = directory
        self._delivery = delivery
        self._facts = facts
        self._clock = clock

    async def test(self, lab: str) -> ProbeResult:
        """Test the connection to `lab`. Raises NotFound when it is not pinned; a peer's fault is a result."""
        card = self._directory.get(lab)
        return await self._certificates(card) or await self._conversation(card)

    async def _certificates(self, card: Card) -> ProbeResult | None:
        """The faults that gRPC cannot tell apart: route, TLS, their certificate, either's validity."""
        address = Address.parse(card.address)
        try:
            shown = await presented_certificate(address, card.lab)
        except PeerUnreachable as fault:
            return self._result(card, Fault(fault.fault), f"{fault}.")
        if shown != card.certificate_der:
            return self._result(card, Fault.WRONG_CERTIFICATE, _two_certificates(card, shown))
        for whose, der in ((card.lab, shown), (self._own.lab, der_of_pem(self._own.certificate_pem))):
            try:
                check_valid_at(der, self._clock())
            except InvalidCertificate as fault:
                words = f"The TLS certificate of {whose} cannot be used: {fault}."
                return self._result(card, Fault.EXPIRED, words)
        return None

    async def _conversation(self, card: Card) -> ProbeResult:
        own = await self._facts()
        try:
            async with self._delivery.client(card.lab) as client:
                greeting = await client.hello(own.request(self._clock()))
        except PeerUnreachable as error:
            if error.fault in _TURNED_AWAY:
                # The right certificate was shown a moment ago, so it is ours that they turn away.
                words = f"{card.lab} does not accept this lab's certificate."
                return self._result(card, Fault.NOT_ACCEPTED, words)
            return self._result(card, Fault(error.fault), str(error))
        except ProtocolFault as error:
            return self._result(card, Fault.PROTOCOL, f"{error}.")
        except PsiError as error:
            return self._result(card, Fault.UNREACHABLE, f"{error}.")
        return self._compared(card, own, greeting)

    def _compared(self, card: Card, own: NodeFacts, greeting: Greeting) -> ProbeResult:
        theirs, apart = greeting.facts, abs(greeting.time - self._clock())
        if apart > MAX_CLOCK_DIFFERENCE:
            words = f"The two clocks are {_span(apart)} apart; 5 minutes are allowed."
            return self._result(card, Fault.CLOCK, words)
        if not set(own.protocols) & set(theirs.protocols):
            words = f"No protocol in common: {', '.join(own.protocols)} here, {', '.join(theirs.protocols)} there."
            return self._result(card, Fault.PROTOCOL, words)
        if own.profile != theirs.profile:
            words = f"The normalisation profiles differ: {own.profile} here, {theirs.profile} there."
            return self._result(card, Fault.PROFILE, words)
        if own.consortium_key_id != theirs.consortium_key_id or not own.consortium_key_id:
            here, there = own.consortium_key_id or "none", theirs.consortium_key_id or "none"
            words = f"No consortium key in common: key id {here} here, {there} there."
            return self._result(card, Fault.CONSORTIUM_KEY, words)
        if theirs.card_fingerprint != card.fingerprint():
            words = f"{card.lab} has another card now than the one pinned here."
            return self._result(card, Fault.CARD, words)
        words = f"{card.lab} answers at {card.address} (version {theirs.version}) and accepts this lab."
        return ProbeResult(lab=card.lab, fault=None, words=words, mend="")

    def _result(self, card: Card, fault: Fault, words: str) -> ProbeResult:
        mend = _MEND.get(fault, _TRY_AGAIN).format(lab=card.lab, address=card.address, own=self._own.lab)
        return ProbeResult(lab=card.lab, fault=fault, words=words, mend=mend)


_ROUTE = (
    "Ask {lab} whether its node runs and listens at {address}, and whether the firewalls on both sides let this "
    "host through."
)
_SAME_VERSION = "Agree with {lab} on one version of this software, and upgrade the older side."
_TRY_AGAIN = "Try again; if it stays so, the log of the node of {lab} says more."

_MEND: Mapping[Fault, str] = {
    Fault.NO_ROUTE: _ROUTE,
    Fault.NOT_TLS: _ROUTE,
    Fault.WRONG_CERTIFICATE: (
        "Ask {lab} by telephone whether its node has new keys, and for its card's fingerprint. If so, "
        "`psi peers remove {lab}` and add its new card; if not, somebody stands between you."
    ),
    Fault.EXPIRED: (
        "Whoever owns it makes a new certificate and card, which the other lab adds with `psi peers add`. If the "
        "date looks right, check this host's clock."
    ),
    Fault.NOT_ACCEPTED: (
        "Send them this lab's card (`psi-node card` prints it) and ask {lab} to add it with `psi peers add`; an "
        "older card of {own} is removed there first."
    ),
    Fault.CLOCK: "Let both hosts keep their time by NTP.",
    Fault.PROTOCOL: _SAME_VERSION,
    Fault.PROFILE: _SAME_VERSION,
    Fault.CONSORTIUM_KEY: (
        "Both labs have to be in one consortium: one runs `psi-node consortium invite`, the other "
        "`psi-node consortium join`."
    ),
    Fault.CARD: "Ask {lab} for its card, `psi peers remove {lab}`, and add the new one.",
}


def _two_certificates(card: Card, shown: bytes) -> str:
    """A sentence, and what people can compare: hashes of both certificates, and the pinned card's fingerprint."""
    return (
        f"Another TLS certificate than that of the pinned card is shown at {card.address}.\n"
        "  hashes of TLS certificates (not the card's fingerprint; psi peers show names them too):\n"
        f"    pinned   {in_fours(card.pin)}\n"
        f"    shown    {in_fours(certificate_pin(shown))}\n"
        "  fingerprint of the pinned card, as it was read to you:\n"
        f"             {card.fingerprint_words()}"
    )


def _span(apart: timedelta) -> str:
    return str(timedelta(seconds=round(apart.total_seconds())))
