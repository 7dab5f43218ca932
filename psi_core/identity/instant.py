"""Points in time as signed texts write them: RFC 3339, UTC, whole seconds, `2026-11-24T09:30:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from psi_core.errors import InvalidText

_SHAPE = re.compile("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z")


def instant(moment: datetime) -> str:
    """Write a timezone-aware moment from the year 1000 on, its fraction of a second cut off.

    Raises InvalidText for a naive one.
    """
    if moment.tzinfo is None:
        raise InvalidText("a moment has no time zone; give it in UTC")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


# The policy asks for an agreement's dates again at every session.
@lru_cache(maxsize=256)
def moment(text: str) -> datetime:
    """Read what `instant` writes, as a moment in UTC; raises InvalidText for any other spelling."""
    # fromisoformat takes many spellings; one moment has one here. Hours to 23: newer versions of Python read 24.
    if not _SHAPE.fullmatch(text):
        raise InvalidText("an instant is not written as 2026-11-24T09:30:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidText("an instant is not written as 2026-11-24T09:30:00Z") from None
