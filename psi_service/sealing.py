"""Secrets and references in the store: sealed under the data key, which lies outside the database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from psi_core.errors import StoreError

_NONCE = 12
OVERHEAD = _NONCE + 16
"""Bytes that sealing adds: nonce and tag."""


def seal(data_key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """AES-256-GCM under the 32-byte data key: 12 random nonce bytes, ciphertext, 16-byte tag.

    `aad` says what is sealed and for which row, so that one sealed value cannot be put in another's place.
    It is needed again to open.
    """
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher(data_key).encrypt(nonce, plaintext, aad)


def open(data_key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of `seal`. Raises StoreError for another key, or a value that was altered or moved."""
    try:
        return _cipher(data_key).decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
    except (InvalidTag, ValueError):
        raise StoreError(
            "a sealed value of the store cannot be opened: the data key is not the one it was sealed with, "
            "or the value was changed"
        ) from None


@lru_cache(2)
def _cipher(data_key: bytes) -> AESGCM:
    return AESGCM(data_key)


def lookup(data_key: bytes, reference: str) -> bytes:
    """HMAC-SHA-256 under the data key, 32 bytes: finds an actor whose reference is not stored in clear."""
    return hmac.digest(data_key, reference.encode(), hashlib.sha256)
