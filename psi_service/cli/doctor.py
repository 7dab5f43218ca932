"""`psi-node doctor`: what is wrong, and what mends it."""

from __future__ import annotations

import asyncio
import logging

from psi_client.cli.ending import fail
from psi_client.cli.options import JsonOption, examples
from psi_client.cli.output import answer
from psi_service.cli.options import DataOption, settings_of

EXAMPLES = examples("psi-node doctor", "psi-node doctor --json")


def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Look at keys, store, log, clock, ports, peers and jobs, and change nothing. Exit code 1: something is broken."""
    settings = settings_of(data)
    from psi_service.cli.show.doctor import print_findings
    from psi_service.clock import system_clock
    from psi_service.doctor.examination import examine
    from psi_service.watching.journal import open_journal

    open_journal(level=logging.CRITICAL)
    found = [each.model_dump() for each in asyncio.run(examine(settings, system_clock))]
    answer(found, print_findings, as_json=as_json)
    faults = sum(each["state"] == "fault" for each in found)
    if faults:
        fail(f"{faults} of {len(found)} checks found something broken", "unhealthy")
