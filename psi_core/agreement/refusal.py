"""How a refusal is worded: what was asked, what is allowed, under which agreement and rule, how to mend it.

The words go to the peer in a signed Refuse, so they hold what both labs know already: never a true size, a
fingerprint or another pair's figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from psi_core.agreement.agreement import Agreement
from psi_core.errors import Refused
from psi_core.identity.instant import instant

MAX_WORDS = 600
"""Longest words, in characters: what a signed Refuse holds."""

_MAX_LIST = 200
_READABLE = re.compile(r"[a-z0-9][a-z0-9_.+/-]{0,99}")


def refused(agreement: Agreement | None, rule: str, what: str, mend: str) -> Refused:
    """The error to raise: `what (agreement 7f3a, rule <rule>). mend`."""
    where = f"agreement {agreement.short_id}, " if agreement else ""
    words = f"{what} ({where}rule {rule}). {mend}"
    return Refused(rule, words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS - 1]}…")


def listed(names: Iterable[str]) -> str:
    """Names with commas between them, the last ones counted when they would fill more than a line or two."""
    shown_names: list[str] = []
    rest = list(names)
    while rest and sum(map(len, shown_names)) + len(rest[0]) <= _MAX_LIST:
        shown_names.append(rest.pop(0))
    return ", ".join([*shown_names, *([f"{len(rest)} more"] if rest else [])])


def day(when: datetime) -> str:
    """A date alone where the moment is midnight, else the whole instant."""
    return instant(when).removesuffix("T00:00:00Z")


def shown(name: str) -> str:
    """A name that a peer chose, for people: plain ones as they are, nothing that could upset a terminal."""
    return name if _READABLE.fullmatch(name) else "an unreadable name"
