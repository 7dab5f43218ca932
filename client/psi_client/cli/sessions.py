"""`psi sessions`: what ran, how it ended, what went over the wire."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.options import CONTEXT, JsonOption, LimitOption, PeerOption, ProfileOption, examples
from psi_client.cli.output import answer
from psi_client.cli.reach import node_at
from psi_core.errors import Conflict, InputError, NotFound

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient

app = typer.Typer(
    name="sessions",
    help="Sessions with other labs, started here or there.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples("psi sessions", "psi sessions show 8f0c"),
)

SessionArgument = Annotated[
    str,
    typer.Argument(
        metavar="SESSION", help="Its id, or the first 4 or more digits of it.", show_default=False
    ),
]

DEFAULT_LIMIT = 20
LOOK_BACK = 500
_WHOLE = re.compile(r"[0-9a-f]{32}")
_BEGINNING = re.compile(r"[0-9a-f]{4,31}")


@app.callback()
def sessions(ctx: typer.Context, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Sessions with other labs, started here or there."""
    if ctx.invoked_subcommand is None:
        _list(profile, as_json, None, DEFAULT_LIMIT)


@app.command("list", epilog=examples("psi sessions list", "psi sessions list --peer lab-b.example --limit 5"))
def list_sessions(
    peer: PeerOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest sessions, newest first."""
    _list(profile, as_json, peer, limit)


@app.command("show", epilog=examples("psi sessions show 8f0c", "psi sessions show 8f0c --json"))
def show_session(
    name: SessionArgument,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """One session: its lanes, sizes, bytes, and how it ended."""
    from psi_client.cli.show.sessions import print_session

    with node_at(profile) as node:
        session = node.session(session_id(node, name))
    answer(session, print_session, as_json=as_json)


@app.command("give-up", epilog=examples("psi sessions give-up 8f0c"))
def give_up(
    name: SessionArgument,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a suspended session up: it is aborted, and the next one starts from the beginning."""
    from psi_client.cli.show.sessions import print_session

    with node_at(profile) as node:
        session = node.give_up(session_id(node, name))
    answer(session, print_session, as_json=as_json)


def session_id(node: NodeClient, name: str) -> str:
    """The whole id that `name` begins, among the newest 500. Raises InputError, NotFound, Conflict."""
    digits = name.lower()
    if _WHOLE.fullmatch(digits):
        return digits
    if not _BEGINNING.fullmatch(digits):
        raise InputError(
            "a session is named by its id, 32 hexadecimal digits, or the first 4 or more of them"
        )
    found: list[Any] = [
        session["session_id"]
        for session in node.sessions(limit=LOOK_BACK)
        if str(session["session_id"]).startswith(digits)
    ]
    if not found:
        raise NotFound(f"none of the newest {LOOK_BACK} sessions begins like that; see `psi sessions list`")
    if len(found) > 1:
        raise Conflict("several sessions begin like that: give more digits")
    return str(found[0])


def _list(profile: Path | None, as_json: bool, peer: str | None, limit: int) -> None:
    from psi_client.cli.show.sessions import print_sessions

    with node_at(profile) as node:
        found = node.sessions(peer=peer, limit=limit)
    answer(found, print_sessions, as_json=as_json)
