"""The node's one clock. Whatever needs the time is handed a `Clock`; only app.py hands out the real one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from psi_core.identity.instant import instant

__all__ = ["Clock", "instant", "system_clock"]

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""


def system_clock() -> datetime:
    """The host's time in UTC."""
    return datetime.now(UTC)
