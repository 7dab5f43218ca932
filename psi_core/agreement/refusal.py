"""How a refusal is worded: what was asked, what is allowed, under which agreement and rule, how to mend it.

The words go to the peer in a signed Refuse, so they hold what both labs know already: never a true size, a
fingerprint or another pair's figures.
"""

from __future__ import annotations

import re
from datetime import datetime

from psi_core.agreement.agreement import Agreement
from psi_core.errors import Refused
from psi_core.identity.instant import instant

_READABLE = re.compile(r"[a-z0-9][a-z0-9_.+/-]{0,99}")


def refused(agreement: Agreement | None, rule: str, what: str, mend: str) -> Refused:
    """The error to raise: `what (agreement 7f3a, rule <rule>). mend`."""
    where = f"agreement {agreement.short_id}, " if agreement else ""
    return Refused(rule, f"{what} ({where}rule {rule}). {mend}")


def day(when: datetime) -> str:
    """A date alone where the moment is midnight, else the whole instant."""
    return instant(when).removesuffix("T00:00:00Z")


def shown(name: str) -> str:
    """A name that a peer chose, for people: plain ones as they are, nothing that could upset a terminal."""
    return name if _READABLE.fullmatch(name) else "an unreadable name"
