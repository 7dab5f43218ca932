"""Options that every command has. `--profile` and `--json` may stand before the command or after it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

_PROFILE, _JSON = "psi_client.cli.profile", "psi_client.cli.json"


def _profile(ctx: typer.Context, value: Path | None) -> Path | None:
    """The one after the command wins over the one before it."""
    if value is not None:
        ctx.meta[_PROFILE] = value
    found: Path | None = ctx.meta.get(_PROFILE)
    return found


def _json(ctx: typer.Context, value: bool) -> bool:
    ctx.meta[_JSON] = value or ctx.meta.get(_JSON, False)
    return wants_json(ctx)


def wants_json(ctx: Any) -> bool:
    """Whether `--json` was given, on whichever side of the command."""
    return bool(ctx.meta.get(_JSON, False))


ProfileOption = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="DIR|FILE",
        help="The node's profile, or the folder that holds profile.json. Else PSI_PROFILE, else ~/.psi.",
        callback=_profile,
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.", callback=_json)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
LabArgument = Annotated[
    str, typer.Argument(metavar="LAB", help="A pinned lab's name, such as lab-b.example.", show_default=False)
]
PeerOption = Annotated[
    str | None, typer.Option("--peer", metavar="LAB", help="Only with this lab.", show_default=False)
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=500, help="How many to show at most.")]

CONTEXT = {"help_option_names": ["--help", "-h"]}


def examples(*commands: str) -> str:
    """What stands under a command's help."""
    return "\n".join(["Examples:", *(f"$ {command}" for command in commands)])
