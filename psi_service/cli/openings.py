"""`psi-node openings`: answer an auditor's challenge about a committed set."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.files import read_file, write_file
from psi_client.cli.options import JsonOption, YesOption, examples
from psi_client.cli.output import answer, confirmed
from psi_core.errors import Conflict
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_core.session.challenge import Challenge
    from psi_service.openings.opening import Opened

EXAMPLES = examples(
    "psi-node openings challenge.txt --out openings.json",
    "psi-node openings challenge.txt --disclose --out openings.json",
)


def openings(
    challenge: Annotated[
        Path, typer.Argument(metavar="CHALLENGE", help="What the auditor handed you.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="What the auditor takes away.", show_default=False)
    ],
    disclose: Annotated[
        bool,
        typer.Option(
            "--disclose",
            help="Write salts and fingerprints too. The node must not run; it is logged.",
        ),
    ] = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show here what each drawn leaf stands for, and write hashes, paths and a signed statement for the auditor."""
    from psi_core.log.note import MAX_NOTE
    from psi_core.session.challenge import Challenge
    from psi_service.cli.show.openings import WARNING, print_opened
    from psi_service.clock import system_clock
    from psi_service.openings import on_this_host
    from psi_service.openings.opening import check_disclosable

    settings = settings_of(data)
    asked = Challenge.read(read_file(challenge, "a challenge", MAX_NOTE))
    if disclose:
        check_disclosable(asked.match_key)
        if not confirmed(WARNING, yes=yes, as_json=as_json):
            raise Conflict("you did not confirm it: nothing was opened")
        found = asyncio.run(on_this_host.disclosed(settings, system_clock, asked))
    else:
        found = on_this_host.opened(settings, system_clock, asked)
    write_file(out, found.openings.render())
    answer(_of(asked, found, out, disclose), print_opened, as_json=as_json)


def _of(asked: Challenge, found: Opened, out: Path, disclose: bool) -> dict[str, Any]:
    return {
        "file": str(out),
        "disclosed": disclose,
        "entry": asked.entry,
        "peer": found.peer,
        "match_key": asked.match_key,
        "leaves": asked.leaves,
        "drawn": [
            {"position": each.position, "dummy": each.dummy, "actors": list(each.actors)}
            for each in found.leaves
        ],
    }
