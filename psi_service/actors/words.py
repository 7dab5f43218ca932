"""What a lab says of its actors' indicators in words, as the store keeps it: sealed for the actor it is said of."""

from __future__ import annotations

from psi_core.kinds.fields import lengths
from psi_service import sealing

WORDS = ("severity", "campaign", "label")
"""The attributes that are sealed. Times, confidence and TLP are compared by the store and lie there as they are."""

_BOUND_TO = {name: lengths("psi-indicator-word/v1", name) for name in WORDS}
"""What a word is sealed for, before the lookup: made once, because an import seals a word a row."""


def seal_word(data_key: bytes, name: str, lookup: bytes, text: str) -> bytes:
    """Seal one of WORDS for the actor of this lookup (32 bytes)."""
    return sealing.seal(data_key, text.encode(), _BOUND_TO[name] + lookup)


def open_word(data_key: bytes, name: str, lookup: bytes, sealed: bytes) -> str:
    """Open what `seal_word` sealed. Raises StoreError for another actor, another attribute or another key."""
    return sealing.open(data_key, sealed, _BOUND_TO[name] + lookup).decode()
