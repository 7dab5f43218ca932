"""`psi peers`: the labs that this node talks to. A lab is pinned once its fingerprint was compared by voice."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psi_client.cli.ending import fail
from psi_client.cli.files import read_note
from psi_client.cli.options import CONTEXT, JsonOption, LabArgument, ProfileOption, YesOption, examples
from psi_client.cli.output import answer, confirmed, console
from psi_client.cli.reach import node_at
from psi_core.errors import Conflict, InputError, VerificationError

if TYPE_CHECKING:
    from psi_core.identity.card import Card

app = typer.Typer(
    name="peers",
    help="The labs that this node talks to.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples("psi peers", "psi peers add lab-b.card", "psi peers test lab-b.example"),
)

FINGERPRINT_DIGITS = 64


@app.callback()
def peers(ctx: typer.Context, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """The labs that this node talks to."""
    if ctx.invoked_subcommand is None:
        _list(profile, as_json)


@app.command("list", epilog=examples("psi peers list", "psi peers list --json"))
def list_peers(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Pinned labs, their addresses and fingerprints."""
    _list(profile, as_json)


@app.command("show", epilog=examples("psi peers show lab-b.example"))
def show_peer(lab: LabArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """One pinned lab."""
    from psi_client.cli.show.peers import print_peer

    with node_at(profile) as node:
        peer = node.peer(lab)
    answer(peer, print_peer, as_json=as_json)


@app.command(
    "add",
    epilog=examples(
        "psi peers add lab-b.card",
        'psi peers add lab-b.card --fingerprint "1a2b 3c4d ... (16 groups, as they sent it another way)"',
    ),
)
def add_peer(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The other lab's card; - for standard input.", show_default=False
        ),
    ],
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint",
            help="What their people told you; the card is added without a question if it has this one.",
            show_default=False,
        ),
    ] = None,
    yes: YesOption = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pin another lab. Let its people read the card's fingerprint to you first, over the telephone."""
    from psi_client.cli.show.peers import print_added, print_card
    from psi_core.identity.card import Card

    note = read_note(file, "the other lab's card")
    card = Card.read(note.encode())
    if fingerprint is not None:
        _check_fingerprint(card, fingerprint)
    elif not as_json:
        print_card(console(stderr=True), card)
    asked = confirmed(
        f"Did the people of {card.lab} read you this very fingerprint?",
        yes=yes or fingerprint is not None,
        as_json=as_json,
        instead="--fingerprint, or --yes",
    )
    if not asked:
        raise Conflict(f"{card.lab} was not added: its fingerprint was not confirmed")
    with node_at(profile) as node:
        peer = node.add_peer(note)
    answer(peer, print_added, as_json=as_json)


@app.command("remove", epilog=examples("psi peers remove lab-b.example"))
def remove_peer(
    lab: LabArgument, yes: YesOption = False, profile: ProfileOption = None, as_json: JsonOption = False
) -> None:
    """Pin a lab no longer: its connections end at once."""
    from psi_client.cli.show.peers import print_removed

    with node_at(profile) as node:
        node.peer(lab)
        if not confirmed(f"End every connection with {lab} and pin it no longer?", yes=yes, as_json=as_json):
            raise Conflict(f"{lab} was not removed: you did not confirm it")
        node.remove_peer(lab)
    answer({"lab": lab, "removed": True}, print_removed, as_json=as_json)


@app.command("test", epilog=examples("psi peers test lab-b.example", "psi peers test lab-b.example --json"))
def probe_peer(lab: LabArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Find out what is wrong on the way to a lab: route, certificate, clock, version, keys."""
    from psi_client.cli.show.peers import print_probe

    with node_at(profile) as node:
        found = node.test_peer(lab)
    if found["fault"] is None or as_json:
        answer(found, print_probe, as_json=as_json)
    if found["fault"] is not None:
        what, *details = str(found["words"]).split("\n")
        fail(f"{what} {found['mend']}", found["fault"], *details)


def _list(profile: Path | None, as_json: bool) -> None:
    from psi_client.cli.show.peers import print_peers

    with node_at(profile) as node:
        found = node.peers()
    answer(found, print_peers, as_json=as_json)


def _check_fingerprint(card: Card, given: str) -> None:
    """Raises InputError for what is no fingerprint, VerificationError for another card's."""
    digits = "".join(given.replace(":", " ").split()).lower()
    if len(digits) != FINGERPRINT_DIGITS or not set(digits) <= set("0123456789abcdef"):
        raise InputError(
            "--fingerprint: a fingerprint has 64 hexadecimal digits, usually in 16 groups of four"
        )
    if not hmac.compare_digest(digits, card.fingerprint().hex()):
        raise VerificationError(
            f"the card of {card.lab} has another fingerprint than you gave: ask its people which card they sent, "
            "and do not use this one until both agree"
        )
