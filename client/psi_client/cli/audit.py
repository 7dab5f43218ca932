"""`psi audit`: check exported logs offline, with keys that came another way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psi_client.cli.ending import fail
from psi_client.cli.files import read_note
from psi_client.cli.options import CONTEXT, JsonOption, examples
from psi_client.cli.output import answer
from psi_core.errors import VerificationError

app = typer.Typer(
    name="audit",
    help="Check exported logs. No node and no profile is needed.",
    context_settings=CONTEXT,
    no_args_is_help=True,
    epilog=examples(
        "psi audit keys lab-a.card lab-b.card > keys.txt",
        "psi audit verify export/lab-a export/lab-b --keys keys.txt",
    ),
)


@app.callback()
def audit() -> None:
    """Check exported logs. No node and no profile is needed."""


@app.command(
    "verify",
    epilog=examples(
        "psi audit verify export/lab-a --keys keys.txt",
        "psi audit verify export/lab-a export/lab-b --keys keys.txt --json",
    ),
)
def verify(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders that psi-node log export wrote.", show_default=False),
    ],
    keys: Annotated[
        Path,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="Verifier keys, one a line, taken from the labs' cards. Not from one of the folders.",
            show_default=False,
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Check every claim about each log and about each two. Fails if one is broken, or cannot be proven but must."""
    from psi_client.audit import Auditor, read_keys
    from psi_client.cli.show.audit import print_report

    report = Auditor(read_keys(keys, outside=folders)).verify(folders)
    answer(report.model_dump(mode="json"), print_report, as_json=as_json)
    try:
        report.check()
    except VerificationError as error:
        fail(error.message, error.code)


@app.command("keys", epilog=examples("psi audit keys lab-a.card lab-b.card > keys.txt"))
def keys_of_cards(
    cards: Annotated[
        list[Path],
        typer.Argument(metavar="CARD...", help="Labs' cards, as the labs sent them.", show_default=False),
    ],
    as_json: JsonOption = False,
) -> None:
    """Print the keys of cards for --keys. Compare each card's fingerprint with its lab before you trust it."""
    from psi_client.cli.show.audit import print_keys
    from psi_core.identity.card import Card

    read = [Card.read(read_note(path, "a lab's card").encode()) for path in cards]
    found = [
        {"lab": card.lab, "fingerprint": card.fingerprint_words(), "keys": [card.log_key, card.document_key]}
        for card in read
    ]
    answer(found, print_keys, as_json=as_json)
