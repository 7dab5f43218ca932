"""Fingerprints and key ids, built again by hand from the design's words."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from psi_core.errors import InputError
from psi_core.kinds import fingerprint, key_id, lengths

KEY = bytes(range(32))


def test_lengths_precede_every_field() -> None:
    assert lengths() == b""
    assert lengths("ab", b"\x00") == b"\x00\x00\x00\x02ab\x00\x00\x00\x01\x00"
    assert lengths("ä") == b"\x00\x00\x00\x02\xc3\xa4"
    assert lengths("a", "bc") != lengths("ab", "c")
    assert lengths("a", "") != lengths("", "a")


def test_fingerprint_is_the_hmac_of_label_kind_and_value() -> None:
    message = b"\x00\x00\x00\x12psi-fingerprint/v1\x00\x00\x00\x05email\x00\x00\x00\x10john@example.com"
    assert fingerprint(KEY, "email", "john@example.com") == hmac.new(KEY, message, hashlib.sha256).digest()


def test_kind_value_and_key_all_count() -> None:
    own = fingerprint(KEY, "username", "a:b")
    assert own != fingerprint(KEY, "device_id", "a:b")
    assert own != fingerprint(KEY, "username", "a:c")
    assert own != fingerprint(bytes(32), "username", "a:b")


def test_reserved_kind_of_canaries_is_open_to_sessions() -> None:
    assert len(fingerprint(KEY, "canary", "00")) == 32


def test_key_id_is_sixteen_hex_digits_of_an_hmac() -> None:
    message = b"\x00\x00\x00\x18psi-consortium-key-id/v1"
    assert key_id(KEY) == hmac.new(KEY, message, hashlib.sha256).hexdigest()[:16]


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(InputError, match="32 bytes"):
        fingerprint(key, "email", "john@example.com")
    with pytest.raises(InputError, match="32 bytes"):
        key_id(key)
