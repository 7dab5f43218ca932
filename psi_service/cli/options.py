"""The node's folder, and the settings in it, as every command of `psi-node` finds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psi_client.cli.reach import default_folder

if TYPE_CHECKING:
    from psi_service.settings import Settings

DATA_VARIABLE = "PSI_DATA_DIR"
_DATA = "psi_service.cli.data"


def _data(ctx: typer.Context, value: Path | None) -> Path | None:
    """The one after the command wins over the one before it."""
    if value is not None:
        ctx.meta[_DATA] = value
    found: Path | None = ctx.meta.get(_DATA)
    return found


DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The node's folder. Else PSI_DATA_DIR, else ~/.psi.",
        callback=_data,
        show_default=False,
    ),
]


def data_folder(given: Path | None) -> Path:
    """The option, else the variable PSI_DATA_DIR, else the default folder."""
    if given is not None:
        return given
    named = os.environ.get(DATA_VARIABLE, "")
    return Path(named) if named else default_folder()


def settings_of(given: Path | None) -> Settings:
    """The settings of the node in that folder. Raises InvalidConfiguration."""
    from psi_service.settings import Settings

    return Settings.load(data_folder(given))
