"""Which node a command speaks to: the profile that was named, or the one that is found without being named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psi_client.node_client import NodeClient

PROFILE_VARIABLE = "PSI_PROFILE"


def default_folder() -> Path:
    """Where `psi-node init` makes a node, and `psi` looks for its profile, when nothing is said."""
    return Path.home() / ".psi"


def profile_path(given: Path | None) -> Path:
    """The option, else the variable PSI_PROFILE, else the default folder."""
    if given is not None:
        return given
    named = os.environ.get(PROFILE_VARIABLE, "")
    return Path(named) if named else default_folder()


def node_at(given: Path | None) -> NodeClient:
    """A client of the node whose profile it is; use it in a `with` block. Raises InvalidConfiguration."""
    from psi_client.node_client import NodeClient
    from psi_client.profile import Profile

    return NodeClient(Profile.load(profile_path(given)))
