"""`psi-node log rotate` and `psi-node log new-start`: the node's next log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.options import JsonOption, YesOption, examples
from psi_client.cli.output import answer, confirmed
from psi_core.errors import Conflict
from psi_service.cli.options import DataOption, settings_of
from psi_service.cli.recovering import WithoutOption

if TYPE_CHECKING:
    from psi_service.recovery.renewing import Renewed, Renewing
    from psi_service.settings import Settings

ROTATE_EXAMPLES = examples("psi-node log rotate", "psi-node log rotate --yes --json")
NEW_START_EXAMPLES = examples(
    "psi-node log new-start", "psi-node log new-start --from export/lab-a --without lab-c.example"
)


def rotate(
    uncosigned: Annotated[
        bool, typer.Option("--uncosigned", help="Go on although no peer can cosign the last checkpoint.")
    ] = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the log key: close the log, and begin the next one, which continues it. The node must not run.

    The old log stays, to be exported. Every peer has to pin the new card. Broken off, it is run again to be finished.
    """
    question = "Close this log and begin the next one under a new key? Every peer has to pin the new card."
    _renew(data, question, lambda each: each.rotate(uncosigned=uncosigned), yes=yes, as_json=as_json)


def new_start(
    exports: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="DIR", help="An export of the old log. May be given again.", show_default=False
        ),
    ] = None,
    without: WithoutOption = None,
    number: Annotated[
        int | None,
        typer.Option(
            "--number",
            min=2,
            max=999_999_999,
            help="Of the new log, when peers know of more logs of this lab than this node does.",
            show_default=False,
        ),
    ] = None,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a new log, because the old one lost entries that nobody can bring back. The node must not run.

    First try psi-node log recover. The new log says how far the old one is known to have come; that its end is lost
    stays visible to every auditor.
    """
    question = "Begin a new log? That the end of the old one is lost will be seen in every audit."
    _renew(
        data,
        question,
        lambda each: each.new_start(exports or (), without or (), number),
        yes=yes,
        as_json=as_json,
    )


def _renew(
    data: Path | None,
    question: str,
    renew: Callable[[Renewing], Awaitable[Renewed]],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    from psi_service.cli.show.log import print_renewed
    from psi_service.identity.own_card import OwnCard
    from psi_service.recovery.key_files import finish
    from psi_service.watching.journal import open_journal

    open_journal(level=logging.CRITICAL)
    settings = settings_of(data)
    card, done = finish(settings), None
    if card is None:
        if not confirmed(question, yes=yes, as_json=as_json):
            raise Conflict("you did not confirm it: nothing was changed")
        done = asyncio.run(_renewed(settings, renew))
        card = finish(settings)
    if card is None:
        card = OwnCard.read((settings.data_dir / "card").read_bytes())
    found: dict[str, Any] = {"fingerprint": card.card.fingerprint_words(), "finished": done is None}
    answer(
        found | (asdict(done) if done else {"origin": card.card.log_origin}), print_renewed, as_json=as_json
    )


async def _renewed(settings: Settings, renew: Callable[[Renewing], Awaitable[Renewed]]) -> Renewed:
    from psi_service.clock import system_clock
    from psi_service.node.reach import node_without_ports

    async with node_without_ports(settings, system_clock) as node:
        return await renew(node.renewing)
