"""`psi-node consortium`: the labs that share a consortium key. The key itself is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psi_client.cli.ending import fail
from psi_client.cli.files import read_note, write_file
from psi_client.cli.handing import InOption, OutOption
from psi_client.cli.options import CONTEXT, JsonOption, LabArgument, YesOption, examples
from psi_client.cli.output import answer, confirmed
from psi_core.errors import Conflict, NotFound
from psi_service.cli.either_way import either_way
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient
    from psi_service.http_api.services import Services
    from psi_service.settings import Settings

app = typer.Typer(
    name="consortium",
    help="The labs that share a consortium key: create it, invite, join.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples(
        'psi-node consortium create "abuse sharing"',
        "psi-node consortium invite lab-b.example",
        "psi-node consortium join",
    ),
)


@app.callback()
def consortium(ctx: typer.Context, data: DataOption = None, as_json: JsonOption = False) -> None:
    """The labs that share a consortium key: create it, invite, join."""
    if ctx.invoked_subcommand is None:
        list_consortia(data, as_json)


@app.command("list", epilog=examples("psi-node consortium list", "psi-node consortium list --json"))
def list_consortia(data: DataOption = None, as_json: JsonOption = False) -> None:
    """The consortium that this node is in, earlier ones, and invites that wait for you."""
    from psi_service.cli.show.consortium import print_consortia

    async def locally(services: Services) -> object:
        consortia = await services.consortium.list()
        return {"consortia": consortia, "waiting": await services.consortium.waiting()}

    def remotely(node: NodeClient) -> object:
        return {"consortia": node.consortia(), "waiting": node.invites()}

    answer(either_way(settings_of(data), locally, remotely), print_consortia, as_json=as_json)


@app.command("create", epilog=examples('psi-node consortium create "abuse sharing"'))
def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What its members call it.", show_default=False)
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a new consortium key. One lab of a consortium does this, the others join."""
    from psi_service.cli.show.consortium import print_consortium

    async def locally(services: Services) -> object:
        return await services.consortium.create(name)

    made = either_way(settings_of(data), locally, lambda node: node.create_consortium(name))
    answer(made, print_consortium, as_json=as_json)


@app.command(
    "invite",
    epilog=examples(
        "psi-node consortium invite lab-b.example",
        "psi-node consortium invite lab-b.example --out invite.note",
    ),
)
def invite(
    lab: LabArgument, out: OutOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Hand the consortium key to a pinned lab, sealed so that only its node can open it."""
    from psi_service.cli.show.consortium import print_invite

    send = out is None

    async def locally(services: Services) -> object:
        return await services.consortium.invite(lab, send=send)

    sent = either_way(settings_of(data), locally, lambda node: node.invite(lab, send=send))
    if out is not None:
        write_file(out, sent["note"].encode())
        sent["file"] = str(out)
    answer(sent, print_invite, as_json=as_json)
    if sent["fault"]:
        fail(
            f"the invite was not delivered: {sent['fault']} For the latter, give --out FILE", "not-delivered"
        )


@app.command(
    "join",
    epilog=examples(
        "psi-node consortium join",
        "psi-node consortium join 7f3a",
        "psi-node consortium join --in invite.note",
    ),
)
def join(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[INVITE]",
            help="The beginning of its hash; left out: the only one that waits.",
            show_default=False,
        ),
    ] = None,
    file: InOption = None,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept an invite: from then on imports and sessions use its key."""
    from psi_service.cli.show.consortium import print_consortium, question

    settings = settings_of(data)
    found = _from_file(file) if file is not None else _waiting(settings, name)
    if not confirmed(question(found), yes=yes, as_json=as_json):
        raise Conflict("you did not confirm it: this node joined no consortium, and the invite still stands")
    note = found.get("note")

    async def locally(services: Services) -> object:
        return await services.consortium.join(found["hash"] if note is None else note.encode())

    def remotely(node: NodeClient) -> object:
        return node.join_consortium(hash_prefix=None if note else found["hash"], note=note)

    answer(either_way(settings, locally, remotely), print_consortium, as_json=as_json)


def _from_file(file: Path) -> dict[str, Any]:
    """What an invite says of itself; the node verifies it when it joins."""
    from psi_core.identity.invite import Invite

    note = read_note(file, "an invite")
    read = Invite.unverified(note.encode())
    return {
        "hash": read.hash().hex(),
        "lab": read.sender,
        "consortium": read.consortium,
        "key_id": read.key_id,
        "note": note,
    }


def _waiting(settings: Settings, name: str | None) -> dict[str, Any]:
    """The waiting invite whose hash begins with `name`, or the only one. Raises NotFound, Conflict."""

    async def locally(services: Services) -> object:
        return await services.consortium.waiting()

    waiting: list[dict[str, Any]] = either_way(settings, locally, lambda node: node.invites())
    fitting = [found for found in waiting if found["hash"].startswith((name or "").lower())]
    if not fitting:
        raise NotFound("no such invite waits here; `psi-node consortium list` names those that do")
    if len(fitting) > 1:
        names = ", ".join(f"{found['hash'][:8]} ({found['lab']})" for found in fitting)
        raise Conflict(f"several invites wait: name one of {names}")
    return fitting[0]
