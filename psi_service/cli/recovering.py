"""`psi-node log recover`: bring back what the log and the ledger lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psi_client.cli.options import JsonOption, examples
from psi_client.cli.output import answer
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_service.recovery.writing import Recovered
    from psi_service.settings import Settings

EXAMPLES = examples(
    "psi-node log recover",
    "psi-node log recover --from export/lab-a",
    "psi-node log recover --without lab-c.example",
)

WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="LAB",
        help="A peer that is gone for good: what it keeps of this log stays unknown. May be given again.",
        show_default=False,
    ),
]


def recover(
    exports: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="An export of this log, newer than the store. May be given again.",
            show_default=False,
        ),
    ] = None,
    without: WithoutOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring back entries, sessions and budgets from what peers and exports have of this log. The node must not run.

    Everything is checked against checkpoints that this node signed; if the log cannot be brought to the newest of
    them, nothing is changed.
    """
    from psi_service.cli.show.log import print_recovered
    from psi_service.watching.journal import open_journal

    open_journal(level=logging.CRITICAL)
    done = asyncio.run(_recover(settings_of(data), exports or (), without or ()))
    answer(asdict(done), print_recovered, as_json=as_json)


async def _recover(settings: Settings, exports: Sequence[Path], without: Sequence[str]) -> Recovered:
    from psi_service.clock import system_clock
    from psi_service.node.reach import node_without_ports

    async with node_without_ports(settings, system_clock) as node:
        return await node.recovering.recover(exports, without)
