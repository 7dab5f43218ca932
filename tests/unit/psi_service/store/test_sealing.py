"""Sealed values open with the same key and the same place only."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from psi_core.errors import StoreError
from psi_service import sealing

KEY = bytes(range(32))


def test_round_trip_hides_the_plaintext_and_differs_every_time() -> None:
    first, second = sealing.seal(KEY, b"acct-1", b"row 1"), sealing.seal(KEY, b"acct-1", b"row 1")
    assert first != second
    assert b"acct-1" not in first
    assert len(first) == 12 + len(b"acct-1") + 16
    assert sealing.open(KEY, first, b"row 1") == sealing.open(KEY, second, b"row 1") == b"acct-1"


@pytest.mark.parametrize(
    ("key", "cut", "aad"),
    [(bytes(32), slice(None), b"row 1"), (KEY, slice(None), b"row 2"), (KEY, slice(-1), b"row 1")],
    ids=["another key", "another row", "cut short"],
)
def test_another_key_place_or_length_does_not_open(key: bytes, cut: slice, aad: bytes) -> None:
    sealed = sealing.seal(KEY, b"acct-1", b"row 1")
    with pytest.raises(StoreError):
        sealing.open(key, sealed[cut], aad)


@pytest.mark.parametrize("sealed", [b"", bytes(5), bytes(27)])
def test_too_short_does_not_open(sealed: bytes) -> None:
    with pytest.raises(StoreError):
        sealing.open(KEY, sealed, b"row 1")


def test_every_changed_byte_is_noticed() -> None:
    sealed = sealing.seal(KEY, b"acct-1", b"row 1")
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(StoreError):
            sealing.open(KEY, bytes(altered), b"row 1")


def test_lookup_is_hmac_of_the_reference() -> None:
    assert sealing.lookup(KEY, "acct-ü") == hmac.new(KEY, "acct-ü".encode(), hashlib.sha256).digest()
