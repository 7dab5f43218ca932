"""All checks, in the order in which one would look: the host, the files, the store, the ports, the peers.

Each line stands for itself: a check that cannot be made because an earlier one failed is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from psi_core.errors import PsiError
from psi_core.identity.node_keys import NodeKeys
from psi_service.clock import Clock
from psi_service.doctor.finding import Finding, fault
from psi_service.doctor.host import check_disk, check_engines, check_native
from psi_service.doctor.key_check import check_card, check_keys
from psi_service.doctor.peer_check import ask_peers, of_clock, of_peers
from psi_service.doctor.ports import check_ports, check_refusal, node_runs
from psi_service.doctor.store_check import check_database, check_jobs, check_log, check_times
from psi_service.settings import Settings


async def examine(settings: Settings, clock: Clock) -> tuple[Finding, ...]:
    """Look at everything. Nothing is written, whether the node runs or not."""
    keys, of_keys = check_keys(settings)
    found = [check_engines(), check_native(), *check_disk(settings), of_keys]
    if keys is not None:
        found.append(check_card(settings, keys, clock()))
    # Every page and every entry is read: not on the loop.
    found += await asyncio.to_thread(lambda: list(_store(settings, keys, clock)))
    running = node_runs(settings)
    found += await asyncio.to_thread(lambda: list(check_ports(settings, running=running)))
    if running:
        found.append(await asyncio.to_thread(check_refusal, settings))
    if keys is not None:
        found += await _peers(settings, keys, clock)
    return tuple(found)


def _store(settings: Settings, keys: NodeKeys | None, clock: Clock) -> Iterator[Finding]:
    database = check_database(settings)
    yield database
    if database.state != "ok":
        return
    if keys is not None:
        yield check_log(settings, keys.log.verifier)
    if (times := check_times(settings, clock())) is not None:
        yield times
    yield from check_jobs(settings, clock())


async def _peers(settings: Settings, keys: NodeKeys, clock: Clock) -> tuple[Finding, ...]:
    try:
        results = await ask_peers(settings, keys, clock)
    except PsiError as error:
        return (fault("peers", f"No peer was asked: {error.message}.", "Mend what stands above first."),)
    return of_clock(results), *of_peers(results)
