"""`psi-node token`: who may call the node. A token goes straight into a profile file, never to a screen."""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psi_client.cli.options import CONTEXT, JsonOption, examples
from psi_client.cli.output import answer
from psi_core.errors import Conflict, InvalidConfiguration
from psi_service.cli.either_way import either_way
from psi_service.cli.options import DataOption, settings_of

if TYPE_CHECKING:
    from psi_client.profile import Profile
    from psi_service.http_api.services import Services
    from psi_service.settings import Settings

app = typer.Typer(
    name="token",
    help="Who may call this node, and as what.",
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog=examples("psi-node token create Ada --role analyst --out ada.json", "psi-node token list"),
)


class RoleName(StrEnum):
    """What a token's holder may do."""

    OPERATOR = "operator"
    ANALYST = "analyst"
    AUDITOR = "auditor"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Whose it will be.", show_default=False)]
RoleOption = Annotated[
    RoleName,
    typer.Option(
        "--role",
        help="operator: everything. analyst: imports, matches, sessions. auditor: the log.",
        show_default=False,
    ),
]
ProfileFileOption = Annotated[
    Path,
    typer.Option(
        "--out", metavar="FILE", help="The new profile, which psi --profile takes.", show_default=False
    ),
]
DaysOption = Annotated[
    int | None,
    typer.Option("--days", min=1, max=3650, help="Left out: until it is revoked.", show_default=False),
]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="How its holder reaches the admin port.", show_default=False)
]


@app.callback()
def token(ctx: typer.Context, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Who may call this node, and as what."""
    if ctx.invoked_subcommand is None:
        list_tokens(data, as_json)


@app.command("list", epilog=examples("psi-node token list", "psi-node token list --json"))
def list_tokens(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Every token ever made, without the tokens themselves."""
    from psi_service.cli.show.tokens import print_tokens

    async def locally(services: Services) -> object:
        return await services.tokens.list()

    found = either_way(settings_of(data), locally, lambda node: node.tokens())
    answer(found, print_tokens, as_json=as_json)


@app.command(
    "create",
    epilog=examples(
        "psi-node token create Ada --role analyst --days 90 --out ada.json",
        "psi-node token create Bob --role auditor --url https://psi.lab-a.example:7480 --out bob.json",
    ),
)
def create(
    name: NameArgument,
    role: RoleOption,
    out: ProfileFileOption,
    days: DaysOption = None,
    url: UrlOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and write it into a profile for its holder. It is in that file alone."""
    from pydantic import SecretStr

    from psi_service.cli.show.tokens import print_token
    from psi_service.tokens import Role

    settings = settings_of(data)
    profile = _profile(settings, url, out)

    async def locally(services: Services) -> object:
        lifetime = None if days is None else timedelta(days=days)
        return await services.tokens.create(name, Role(role.value), lifetime)

    made = either_way(settings, locally, lambda node: node.create_token(name, role.value, days))
    profile.model_copy(update={"token": SecretStr(made["token"])}).save(out)
    answer({**made["view"], "profile": str(out)}, print_token, as_json=as_json)


@app.command("revoke", epilog=examples("psi-node token revoke 2"))
def revoke(
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", help="See psi-node token list.", show_default=False)
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token worthless from now on."""
    from psi_service.cli.show.tokens import print_token

    async def locally(services: Services) -> object:
        return await services.tokens.revoke(number)

    revoked = either_way(settings_of(data), locally, lambda node: node.revoke_token(number))
    answer(revoked, print_token, as_json=as_json)


def _profile(settings: Settings, url: str | None, out: Path) -> Profile:
    """The profile that the token will go into. Raises what is wrong with it before a token is made."""
    from pydantic import SecretStr, ValidationError

    from psi_client.profile import Profile

    if out.exists():
        raise Conflict(f"{out} exists already: name a new file, so that no other profile is lost")
    folder = out.absolute().parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidConfiguration(f"{folder} is no folder that a profile can be written into")
    ca = settings.admin_certificate
    try:
        return Profile(
            url=url or settings.admin_url,
            token=SecretStr(""),
            ca=None if ca is None else settings.data_dir / ca,
        )
    except ValidationError as error:
        raise InvalidConfiguration(
            f"--url {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None
