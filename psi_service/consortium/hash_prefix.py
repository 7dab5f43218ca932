"""The beginning of a text hash, by which people name agreements and invites."""

from __future__ import annotations

import re

from psi_core.errors import InputError

_DIGITS = re.compile(r"[0-9a-f]{4,64}")


def hash_prefix(text: str) -> str:
    """`text` in lower case when it is 4 to 64 hex digits; raises InputError."""
    digits = text.lower()
    if not _DIGITS.fullmatch(digits):
        raise InputError("name it by the first 4 or more hexadecimal digits of its hash")
    return digits
