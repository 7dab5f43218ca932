"""A command's work, done through the node that holds the store, or on the store itself when none runs."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psi_service.node.reach import Locally, Remotely
    from psi_service.settings import Settings


def either_way(settings: Settings, locally: Locally, remotely: Remotely) -> Any:
    """What `locally` or `remotely` answers, as plain objects; raises what they raise (see node/reach.py)."""
    from psi_service.clock import system_clock
    from psi_service.node.reach import reach
    from psi_service.watching.journal import open_journal

    # The journal is a running node's. A command says itself what went wrong, in one line.
    open_journal(level=logging.CRITICAL)
    return asyncio.run(reach(settings, system_clock, locally, remotely))
