"""`psi-node card`: what another lab pins."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psi_client.cli.files import write_file
from psi_client.cli.options import JsonOption, examples
from psi_client.cli.output import console, print_json
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_service.identity.own_card import OwnCard
    from psi_service.settings import Settings

EXAMPLES = examples("psi-node card > lab-a.card", "psi-node card --out lab-a.card", "psi-node card --new")


def card(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the card there.", show_default=False)
    ] = None,
    new: Annotated[
        bool,
        typer.Option(
            "--new",
            help="Make a new one, with the address in the settings. The node must not run; every peer pins it anew.",
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print this node's card, and on standard error the fingerprint to read aloud to whoever pins it."""
    from psi_client.cli.show.peers import print_card

    own = _card(settings_of(data), new)
    if out is not None:
        write_file(out, own.note)
    if as_json:
        found = {
            "lab": own.card.lab,
            "address": own.card.address,
            "fingerprint": own.card.fingerprint_words(),
            "card": own.note.decode(),
        }
        print_json(found if out is None else {**found, "file": str(out)})
        return
    if out is None:
        sys.stdout.write(own.note.decode())
        sys.stdout.flush()
    print_card(console(stderr=True), own.card)


def _card(settings: Settings, new: bool) -> OwnCard:
    from psi_service.clock import system_clock
    from psi_service.identity.key_files import read_keys
    from psi_service.identity.new_card import new_card
    from psi_service.identity.own_card import read_card

    if new:
        return asyncio.run(new_card(settings, system_clock))
    return read_card(settings, read_keys(settings.keys_dir, settings.lab))
