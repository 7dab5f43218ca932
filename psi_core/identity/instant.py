"""Points in time as signed texts write them: RFC 3339, UTC, whole seconds, `2026-11-24T09:30:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime

from psi_core.errors import InvalidText

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def instant(moment: datetime) -> str:
    """Write a timezone-aware moment, its fraction of a second cut off; raises InvalidText for a naive one."""
    if moment.tzinfo is None:
        raise InvalidText("a moment has no time zone; give it in UTC")
    return moment.astimezone(UTC).strftime(_FORMAT)


def moment(text: str) -> datetime:
    """Read what `instant` writes, as a moment in UTC; raises InvalidText for any other spelling."""
    try:
        parsed = datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except ValueError as fault:
        raise InvalidText("an instant is not written as 2026-11-24T09:30:00Z") from fault
    # strptime is lenient about leading zeros and white space; one moment has one spelling here.
    if instant(parsed) != text:
        raise InvalidText("an instant is not written as 2026-11-24T09:30:00Z")
    return parsed
