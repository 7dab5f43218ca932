"""What a row says about its indicators beside their values: dates, confidence, TLP, words, expiry."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from psi_core.errors import InputError
from psi_core.kinds.labels import SEVERITIES, TLP
from psi_service.clock import instant

MAX_TEXT = 200

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?(?:([Zz])|([+-][0-9]{2}:[0-9]{2}))"
)
_CONFIDENCE = re.compile(r"[0-9]{1,3}")
_FIRST_YEAR = 1970
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class Attributes(NamedTuple):
    """Every field is None when the row leaves it empty. Times are RFC 3339 in UTC to the second."""

    first_seen: str | None = None
    last_seen: str | None = None
    confidence: int | None = None
    tlp: str | None = None
    severity: str | None = None
    campaign: str | None = None
    label: str | None = None
    expires_at: str | None = None


@lru_cache(maxsize=4096)
def moment(text: str) -> str:
    """RFC 3339 with Z or an offset, or YYYY-MM-DD (midnight UTC), as RFC 3339 in UTC to the second.

    Raises InputError.
    """
    try:
        if _DATE.fullmatch(text):
            time = datetime.fromisoformat(text).replace(tzinfo=UTC)
        elif found := _TIME.fullmatch(text):
            date, clock, _, offset = found.groups()
            time = datetime.fromisoformat(f"{date}T{clock}{offset or '+00:00'}").astimezone(UTC)
        else:
            raise InputError("neither YYYY-MM-DD nor RFC 3339 with Z or an offset")
    except (ValueError, OverflowError):
        raise InputError("not a date and time of the calendar") from None
    if time.year < _FIRST_YEAR:
        raise InputError(f"lies before {_FIRST_YEAR}")
    return instant(time)


def confidence(text: str) -> int:
    """A whole number from 0 to 100. Raises InputError."""
    if not _CONFIDENCE.fullmatch(text) or int(text) > 100:
        raise InputError("not a whole number from 0 to 100")
    return int(text)


def tlp(text: str) -> str:
    """A TLP 2.0 marking in lower case, with or without `TLP:` in front. Raises InputError."""
    marking = text.lower().removeprefix("tlp:").strip()
    if marking not in TLP:
        old = " (white of TLP 1 is clear)" if marking == "white" else ""
        raise InputError(f"not a TLP 2.0 marking: {', '.join(TLP)}{old}")
    return marking


def severity(text: str) -> str:
    """One of low, medium, high, critical, in any case. Raises InputError."""
    word = text.lower()
    if word not in SEVERITIES:
        raise InputError(f"not one of {', '.join(SEVERITIES)}")
    return word


def plain_text(text: str) -> str:
    """Free text of at most 200 visible characters. Raises InputError."""
    if len(text) > MAX_TEXT:
        raise InputError(f"longer than {MAX_TEXT} characters")
    if any(unicodedata.category(character) in _UNSEEN for character in text):
        raise InputError("holds an invisible or control character")
    return text


_READERS: Mapping[str, Callable[[str], str | int]] = {
    "first_seen": moment,
    "last_seen": moment,
    "confidence": confidence,
    "tlp": tlp,
    "severity": severity,
    "campaign": plain_text,
    "label": plain_text,
    "expires_at": moment,
}


def read_attribute(field: str, text: str) -> str | int | None:
    """One attribute's value, None when the cell is empty. Raises InputError, without the cell's text."""
    text = text.strip()
    return _READERS[field](text) if text else None


def check_order(attributes: Attributes) -> None:
    """Raise InputError when something was last seen before it was first seen."""
    first, last = attributes.first_seen, attributes.last_seen
    if first is not None and last is not None and last < first:
        raise InputError("lies before first_seen")
