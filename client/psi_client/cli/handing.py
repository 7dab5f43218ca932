"""Signed notes handed over by hand: `--in FILE`, `--out FILE`, for labs whose nodes do not reach each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from psi_client.cli.ending import fail
from psi_client.cli.files import read_note, write_file
from psi_client.cli.output import answer
from psi_core.errors import InputError

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Write the signed note there instead of sending it, to be handed over by hand.",
        show_default=False,
    ),
]
InOption = Annotated[
    Path | None,
    typer.Option(
        "--in", metavar="FILE", help="The note that the other lab handed over as a file.", show_default=False
    ),
]


def read_agreement(path: Path) -> tuple[str, str]:
    """The note in a file, and the text hash (64 hex digits) of the agreement that it is or revokes.

    Nothing is verified here: the node does that. Raises InputError, InvalidNote, InvalidText.
    """
    from psi_core.agreement.agreement import Agreement, Revocation
    from psi_core.log.signed_text import text_type

    note = read_note(path, "an agreement, or a revocation")
    kind = text_type(note.encode())
    if kind == Agreement.TYPE:
        return note, Agreement.unverified(note.encode()).hash().hex()
    if kind == Revocation.TYPE:
        return note, Revocation.unverified(note.encode()).agreement
    raise InputError(f"{path} is neither an agreement nor a revocation: ask the other lab for that file")


def handed(agreement: Mapping[str, Any], out: Path | None, *, as_json: bool) -> None:
    """Say where an agreement stands, its newest note written to `out` if asked; fail if it was not delivered."""
    from psi_client.cli.show.agreements import print_standing

    found = dict(agreement)
    if out is not None:
        write_file(out, (found["revocation"] or found["note"]).encode())
        found["file"] = str(out)
    answer(found, print_standing, as_json=as_json)
    if found.get("fault"):
        short = found["hash"][:4]
        fail(
            f"agreement {short} is kept here and was not delivered: {found['fault']} "
            f"`psi agreements send {short}` does either (--out FILE)",
            "not-delivered",
        )
