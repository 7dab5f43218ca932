"""`psi agreements`: terms that both labs sign before anything runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.handing import InOption, OutOption, handed, read_agreement
from psi_client.cli.options import (
    CONTEXT,
    JsonOption,
    PeerOption,
    ProfileOption,
    YesOption,
    examples,
)
from psi_client.cli.output import answer, confirmed, console
from psi_client.cli.reach import node_at
from psi_core.errors import Conflict, InvalidConfiguration, NotFound

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient

app = typer.Typer(
    name="agreements",
    help="Terms that both labs sign before anything runs.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples("psi agreements", "psi agreements show 7f3a", "psi agreements accept 7f3a"),
)

AgreementArgument = Annotated[
    str,
    typer.Argument(
        metavar="AGREEMENT", help="Its hash, or the first 4 or more digits of it.", show_default=False
    ),
]


class State(StrEnum):
    """Where an agreement stands."""

    PROPOSED = "proposed"
    WAITING = "waiting"
    IN_FORCE = "in_force"
    REVOKED = "revoked"


@app.callback()
def agreements(ctx: typer.Context, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Terms that both labs sign before anything runs."""
    if ctx.invoked_subcommand is None:
        _list(profile, as_json, None, None)


@app.command("list", epilog=examples("psi agreements list", "psi agreements list --state waiting"))
def list_agreements(
    state: Annotated[
        State | None, typer.Option("--state", help="Only those in this state.", show_default=False)
    ] = None,
    peer: PeerOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Agreements, newest first. Those that wait for you say so."""
    _list(profile, as_json, state, peer)


@app.command("show", epilog=examples("psi agreements show", "psi agreements show 7f3a --json"))
def show_agreement(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[AGREEMENT]",
            help="The beginning of its hash; left out: the only one that is not revoked.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """All of an agreement in words, with the full runs that a period allows."""
    from psi_client.cli.show.agreements import print_words

    with node_at(profile) as node:
        found = node.agreement(name if name is not None else _only_one(node))
        words = node.agreement_in_words(found["hash"])
    answer({**found, "words": words}, print_words, as_json=as_json)


@app.command(
    "accept",
    epilog=examples("psi agreements accept", "psi agreements accept --in proposal.note --out accepted.note"),
)
def accept(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[AGREEMENT]",
            help="The beginning of its hash; left out: the only one that waits.",
            show_default=False,
        ),
    ] = None,
    file: InOption = None,
    out: OutOption = None,
    yes: YesOption = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read an agreement, sign it, send it back. With --in, take what the other lab handed over."""
    with node_at(profile) as node:
        if file is not None:
            name = _take(node, file, name)
        found = node.agreement(name if name is not None else _only_waiting(node))
        if found["state"] == "waiting":
            _read_and_confirm(node, found, yes=yes, as_json=as_json)
            found = node.accept_agreement(found["hash"], send=out is None)
        elif found["state"] != "in_force":
            raise Conflict(f"agreement {found['hash'][:4]} is {found['state']}: it does not wait for you")
        elif file is None:
            found = node.accept_agreement(found["hash"], send=out is None)
    handed(found, out, as_json=as_json)


@app.command("send", epilog=examples("psi agreements send 7f3a", "psi agreements send 7f3a --out 7f3a.note"))
def send(
    name: AgreementArgument, out: OutOption = None, profile: ProfileOption = None, as_json: JsonOption = False
) -> None:
    """Send an agreement, its acceptance or its revocation again, or write it to a file."""
    with node_at(profile) as node:
        found = node.agreement(name) if out is not None else node.send_agreement(name)
    handed(found, out, as_json=as_json)


@app.command(
    "revoke",
    epilog=examples(
        'psi agreements revoke 7f3a --reason "the project has ended"',
        "psi agreements revoke --in revoked.note",
    ),
)
def revoke(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[AGREEMENT]", help="The beginning of its hash.", show_default=False),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="For the other lab and the log.")
    ] = "no reason given",
    file: InOption = None,
    out: OutOption = None,
    yes: YesOption = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an agreement at once, or decline a proposal. With --in, take the other lab's revocation."""
    with node_at(profile) as node:
        if file is not None:
            found = node.agreement(_take(node, file, name))
        elif name is None:
            raise InvalidConfiguration("name the agreement to revoke, or a file with --in")
        else:
            found = node.agreement(name)
            short = found["hash"][:4]
            question = f"Revoke agreement {short} with {found['peer']}? Nothing can run under it again."
            if not confirmed(question, yes=yes, as_json=as_json):
                raise Conflict(f"agreement {short} was not revoked: you did not confirm it")
            found = node.revoke_agreement(found["hash"], reason, send=out is None)
    handed(found, out, as_json=as_json)


def _list(profile: Path | None, as_json: bool, state: State | None, peer: str | None) -> None:
    from psi_client.cli.show.agreements import print_agreements

    with node_at(profile) as node:
        found = node.agreements(state=state.value if state else None, peer=peer)
    answer(found, print_agreements, as_json=as_json)


def _take(node: NodeClient, file: Path, name: str | None) -> str:
    """Hand a file's note to the node; returns the hash of the agreement that it is about."""
    note, text_hash = read_agreement(file)
    if name is not None and not text_hash.startswith(name.lower()):
        raise Conflict(f"{file} is about agreement {text_hash[:4]}, not the one that you named")
    node.take_agreement(note)
    return text_hash


def _only_waiting(node: NodeClient) -> str:
    return _only(
        node.agreements(state="waiting"), "no agreement waits for you", "several agreements wait for you"
    )


def _only_one(node: NodeClient) -> str:
    standing = [found for found in node.agreements() if found["state"] != "revoked"]
    return _only(standing, "there is no agreement to show", "there are several agreements")


def _only(found: list[dict[str, Any]], none: str, several: str) -> str:
    """The hash of the only one. Raises NotFound or Conflict, in those words."""
    if not found:
        raise NotFound(f"{none}; `psi agreements list` shows where each stands")
    if len(found) > 1:
        names = ", ".join(f"{each['hash'][:4]} ({each['peer']})" for each in found)
        raise Conflict(f"{several}: name one of {names}")
    return str(found[0]["hash"])


def _read_and_confirm(node: NodeClient, found: dict[str, Any], *, yes: bool, as_json: bool) -> None:
    """Show all of it and ask. Raises Conflict when the answer is no."""
    from psi_client.cli.show.agreements import print_words

    if not as_json:
        words = node.agreement_in_words(found["hash"])
        print_words(console(), {**found, "words": words})
    short = found["hash"][:4]
    if not confirmed(f"Sign agreement {short} with {found['peer']}?", yes=yes, as_json=as_json):
        raise Conflict(f"agreement {short} was not accepted; decline it with `psi agreements revoke {short}`")
