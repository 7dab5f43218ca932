"""The node's one clock. Whatever needs the time is handed a `Clock`; only app.py hands out the real one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""


def system_clock() -> datetime:
    """The host's time in UTC."""
    return datetime.now(UTC)


def instant(time: datetime) -> str:
    """RFC 3339 text in UTC to the second, as store and signed texts have it: 2026-11-24T09:30:00Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
