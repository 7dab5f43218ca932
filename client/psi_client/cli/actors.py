"""`psi actors`: the lab's own actors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psi_client.cli.options import CONTEXT, JsonOption, LimitOption, ProfileOption, YesOption, examples
from psi_client.cli.output import answer, confirmed
from psi_client.cli.reach import node_at
from psi_core.errors import Conflict

app = typer.Typer(
    name="actors",
    help="Your own actors: counts by kind. Values are not stored and cannot be shown.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples("psi actors", "psi actors show acct-00017"),
)

DEFAULT_LIMIT = 50


@app.callback()
def actors(ctx: typer.Context, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Your own actors: counts by kind. Values are not stored and cannot be shown."""
    if ctx.invoked_subcommand is None:
        _list(profile, as_json, DEFAULT_LIMIT, 0, None)


@app.command("list", epilog=examples("psi actors list", "psi actors list --kind iban --limit 10"))
def list_actors(
    limit: LimitOption = DEFAULT_LIMIT,
    after: Annotated[
        int, typer.Option("--after", min=0, help="Go on after this number, which the page before ends with.")
    ] = 0,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="Only actors with an indicator of this kind.", show_default=False),
    ] = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """A page of your own actors, in the order of their first import."""
    _list(profile, as_json, limit, after, kind)


@app.command("show", epilog=examples("psi actors show acct-00017", "psi actors show acct-00017 --json"))
def show_actor(
    reference: Annotated[
        str, typer.Argument(metavar="ACTOR", help="Its reference, as imported.", show_default=False)
    ],
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """One actor: how many indicators of each kind, and when it was seen."""
    from psi_client.cli.show.actors import print_actor

    with node_at(profile) as node:
        actor = node.actor(reference)
    answer(actor, print_actor, as_json=as_json)


@app.command("erase", epilog=examples("psi actors erase acct-00017 --dry-run", "psi actors erase acct-00017"))
def erase_actor(
    reference: Annotated[
        str, typer.Argument(metavar="ACTOR", help="Its reference, as imported.", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: YesOption = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase an actor for good: its indicators, and what was matched on them. Shows what goes, and asks."""
    from psi_client.cli.output import console
    from psi_client.cli.show.actors import print_erasure

    with node_at(profile) as node:
        found = node.erase_actor(reference)
        if not dry_run:
            if not (yes or as_json):
                print_erasure(console(stderr=True), found)
            if not confirmed("Erase it for good?", yes=yes, as_json=as_json):
                raise Conflict("you did not confirm it: nothing was erased")
            found = node.erase_actor(reference, dry_run=False)
    answer(found, print_erasure, as_json=as_json)


def _list(profile: Path | None, as_json: bool, limit: int, after: int, kind: str | None) -> None:
    from psi_client.cli.show.actors import print_page

    with node_at(profile) as node:
        page = node.actors(limit=limit, after=after, kind=kind)
    answer(page, print_page, as_json=as_json)
