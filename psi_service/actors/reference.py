"""An actor's reference (the lab's own account id): how it is written, found and sealed.

It is sealed once per actor and opened for display alone; rows are found by its lookup.
"""

from __future__ import annotations

import unicodedata

from psi_core.errors import InputError
from psi_service import sealing

MAX_REFERENCE = 256

_LABEL = b"psi-reference/v1"
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean_reference(text: str) -> str:
    """A reference as it is sealed and looked up: trimmed, 1 to 256 characters, all of them visible.

    Raises InputError, without the reference in the message.
    """
    reference = text.strip()
    if not reference:
        raise InputError("the actor's reference is empty")
    if len(reference) > MAX_REFERENCE:
        raise InputError(f"the actor's reference is longer than {MAX_REFERENCE} characters")
    if not reference.isascii() or not reference.isprintable():
        _check_visible(reference)
    return reference


def seal_reference(data_key: bytes, reference: str) -> tuple[bytes, bytes]:
    """(lookup, sealed) of a clean reference: 32 bytes to find the actor by, and what is opened for display."""
    lookup = sealing.lookup(data_key, reference)
    return lookup, sealing.seal(data_key, reference.encode(), _LABEL + lookup)


def open_reference(data_key: bytes, lookup: bytes, sealed: bytes) -> str:
    """The reference, for display. Raises StoreError when sealed under another key or for another actor."""
    return sealing.open(data_key, sealed, _LABEL + lookup).decode()


def _check_visible(reference: str) -> None:
    if any(unicodedata.category(character) in _UNSEEN for character in reference):
        raise InputError("the actor's reference holds an invisible or control character")
