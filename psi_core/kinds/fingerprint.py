"""Fingerprints: what a canonical value becomes before anything is stored or compared.

A fingerprint is HMAC-SHA-256 of kind and canonical value under the consortium key. It hides values from
whoever lacks the key, and from nobody else: cards, phones, IPv4 addresses and IBANs can be enumerated by
whoever holds it. So it is treated as the value itself and shown nowhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from psi_core import native_core
from psi_core.errors import InputError
from psi_core.kinds.fields import lengths

KEY_SIZE = 32
FINGERPRINT_SIZE = 32

_LABEL = "psi-fingerprint/v1"
_KEY_ID_LABEL = "psi-consortium-key-id/v1"


def fingerprint(consortium_key: bytes, kind: str, canonical_value: str) -> bytes:
    """32 bytes: HMAC-SHA-256(key, "psi-fingerprint/v1", kind, value), every field preceded by its length.

    The value must be in canonical form already; the kind is not looked up, so that sessions can fingerprint
    under the reserved kind `canary`. Raises InputError for a key that is not 32 bytes.
    """
    return hmac.digest(_checked(consortium_key), lengths(_LABEL, kind, canonical_value), "sha256")


def fingerprints(consortium_key: bytes, kind: str, canonical_values: Sequence[str]) -> list[bytes]:
    """`fingerprint` of many values of one kind, in their order. Raises InputError like it."""
    key = _checked(consortium_key)
    if native_core.native is None:
        return [fingerprint(key, kind, value) for value in canonical_values]
    rows = native_core.packed([value.encode() for value in canonical_values])
    return native_core.cut(native_core.native.fingerprints(key, kind, *rows))


def key_id(consortium_key: bytes) -> str:
    """A consortium key's public name: the first 16 hex digits of an HMAC under it. Raises InputError."""
    return hmac.digest(_checked(consortium_key), lengths(_KEY_ID_LABEL), "sha256").hex()[:16]


def _checked(consortium_key: bytes) -> bytes:
    if len(consortium_key) != KEY_SIZE:
        raise InputError(f"a consortium key has {KEY_SIZE} bytes")
    return consortium_key
