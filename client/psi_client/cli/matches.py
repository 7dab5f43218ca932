"""`psi matches`: own actors that a peer suspects too; judged here, exported with values from the lab's own file."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from psi_client.cli.options import (
    CONTEXT,
    JsonOption,
    PeerOption,
    ProfileOption,
    examples,
)
from psi_client.cli.output import answer
from psi_client.cli.reach import node_at

app = typer.Typer(
    name="matches",
    help="Your own actors that a peer suspects too. A match is a lead to look into, not a verdict.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples(
        "psi matches",
        "psi matches --peer lab-b.example --new",
        "psi matches show acct-00017",
        'psi matches mark acct-00017 "false positive" --peer lab-b.example',
    ),
)


class Status(StrEnum):
    """What an analyst says of a match."""

    TO_REVIEW = "to review"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false positive"


SessionOption = Annotated[
    str | None,
    typer.Option("--session", metavar="SESSION", help="Only what this session matched.", show_default=False),
]
StatusOption = Annotated[
    Status | None, typer.Option("--status", help="Only with this status.", show_default=False)
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="Rows of the table; --json has all.")]
AllOption = Annotated[bool, typer.Option("--all", help="False positives too.")]
NewOption = Annotated[bool, typer.Option("--new", help="Only what no earlier session had matched.")]
ActorArgument = Annotated[
    str, typer.Argument(metavar="ACTOR", help="Its reference, as imported.", show_default=False)
]


@app.callback()
def matches(
    ctx: typer.Context,
    peer: PeerOption = None,
    session: SessionOption = None,
    status: StatusOption = None,
    include_all: AllOption = False,
    only_new: NewOption = False,
    limit: LimitOption = 50,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Your own actors that a peer suspects too. A match is a lead to look into, not a verdict."""
    if ctx.invoked_subcommand is None:
        list_matches(peer, session, status, include_all, only_new, limit, profile, as_json)


@app.command("list", epilog=examples("psi matches list", "psi matches list --status confirmed --json"))
def list_matches(
    peer: PeerOption = None,
    session: SessionOption = None,
    status: StatusOption = None,
    include_all: AllOption = False,
    only_new: NewOption = False,
    limit: LimitOption = 50,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """One row for each own actor and peer, strongest first."""
    from psi_client.cli.sessions import session_id
    from psi_client.cli.show.matches import print_matches

    with node_at(profile) as node:
        found = node.matches(
            peer=peer,
            session=session_id(node, session) if session else None,
            status=status.value if status else None,
            include_false_positives=include_all,
            only_new=only_new,
        )
    answer(found, partial(print_matches, limit=limit), as_json=as_json)


@app.command("show", epilog=examples("psi matches show acct-00017"))
def show_match(actor: ActorArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """One actor: which match keys matched with whom, how rare they are, why it counts as it does."""
    from psi_client.cli.show.matches import print_actor, print_matches

    with node_at(profile) as node:
        found = node.actor_matches(actor)
    answer(found, print_actor if found else print_matches, as_json=as_json)


@app.command(
    "mark",
    epilog=examples(
        "psi matches mark acct-00017 confirmed --peer lab-b.example",
        'psi matches mark acct-00391 "false positive" --peer lab-b.example --match-key ip+user_agent',
    ),
)
def mark(
    actor: ActorArgument,
    status: Annotated[Status, typer.Argument(help="What you found out.", show_default=False)],
    peer: Annotated[
        str, typer.Option("--peer", metavar="LAB", help="The lab that it matched with.", show_default=False)
    ],
    match_key: Annotated[
        str | None,
        typer.Option(
            "--match-key", metavar="NAME", help="Left out: every one that matched.", show_default=False
        ),
    ] = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a match came to. A false positive is not shown again."""
    from psi_client.cli.show.matches import print_marked

    with node_at(profile) as node:
        row = node.mark_match(actor, peer, status.value, match_key)
    answer(row, print_marked, as_json=as_json)


@app.command("matrix", epilog=examples("psi matches matrix", "psi matches matrix --json"))
def matrix(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Peers by match keys: how many of your actors matched."""
    from psi_client.cli.show.matches import print_matrix

    with node_at(profile) as node:
        found = node.match_matrix()
    answer(found, print_matrix, as_json=as_json)


@app.command("rules", epilog=examples("psi matches rules"))
def rules(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """How strength is judged: the whole table of rules."""
    from psi_client.cli.show.matches import print_rules

    with node_at(profile) as node:
        found = node.match_rules()
    answer(found, print_rules, as_json=as_json)
