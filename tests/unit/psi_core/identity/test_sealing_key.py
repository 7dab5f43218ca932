"""HPKE base mode, held to a published vector, and every way in which opening fails."""

from __future__ import annotations

import pytest

from psi_core.errors import InvalidText, VerificationError
from psi_core.identity.sealing_key import OVERHEAD, SealingKey, check_public, seal

# RFC 9180 appendix A.2.1: X25519, HKDF-SHA256, ChaCha20-Poly1305, base mode, sequence number 0.
RECIPIENT = "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"
RECIPIENT_PUBLIC = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"
ENC = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
INFO = "4f6465206f6e2061204772656369616e2055726e"
AAD = "436f756e742d30"
PLAINTEXT = "4265617574792069732074727574682c20747275746820626561757479"
CIPHERTEXT = "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"


def test_the_vector_of_rfc_9180_opens() -> None:
    key = SealingKey(bytes.fromhex(RECIPIENT))
    assert key.public.hex() == RECIPIENT_PUBLIC
    opened = key.open(
        bytes.fromhex(ENC), bytes.fromhex(CIPHERTEXT), info=bytes.fromhex(INFO), aad=bytes.fromhex(AAD)
    )
    assert opened.hex() == PLAINTEXT


def test_what_is_sealed_opens_and_is_never_twice_the_same() -> None:
    key = SealingKey.generate()
    enc, ciphertext = seal(key.public, b"secret", info=b"info", aad=b"aad")
    assert len(enc) == 32
    assert len(ciphertext) == len(b"secret") + OVERHEAD
    assert key.open(enc, ciphertext, info=b"info", aad=b"aad") == b"secret"
    assert seal(key.public, b"secret", info=b"info", aad=b"aad") != (enc, ciphertext)


def test_anything_changed_does_not_open() -> None:
    key = SealingKey.generate()
    enc, ciphertext = seal(key.public, b"secret", info=b"info", aad=b"aad")
    for bad_enc, bad_ciphertext, info, aad in (
        (enc, ciphertext, b"other", b"aad"),
        (enc, ciphertext, b"info", b"other"),
        (enc, bytes([ciphertext[0] ^ 1]) + ciphertext[1:], b"info", b"aad"),
        (enc, ciphertext[:-1], b"info", b"aad"),
        (enc, b"", b"info", b"aad"),
        (bytes([enc[0] ^ 1]) + enc[1:], ciphertext, b"info", b"aad"),
        (bytes(32), ciphertext, b"info", b"aad"),
        (b"", ciphertext, b"info", b"aad"),
    ):
        with pytest.raises(VerificationError, match="ask the sender"):
            key.open(bad_enc, bad_ciphertext, info=info, aad=aad)
    with pytest.raises(VerificationError):
        SealingKey.generate().open(enc, ciphertext, info=b"info", aad=b"aad")


# Points of order 1, 2 and 8 (RFC 7748 section 6.1: an all-zero shared secret), and wrong lengths.
@pytest.mark.parametrize(
    "public",
    [
        bytes(32),
        b"\x01" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        b"\x02" * 31,
        b"",
    ],
)
def test_public_keys_that_would_share_a_known_secret_are_refused(public: bytes) -> None:
    with pytest.raises(InvalidText):
        check_public(public)
    with pytest.raises(InvalidText):
        seal(public, b"secret", info=b"", aad=b"")


def test_the_private_half_is_hidden_and_has_32_bytes() -> None:
    key = SealingKey(b"\x07" * 32)
    assert key.private == b"\x07" * 32
    assert "07" not in repr(key)
    with pytest.raises(InvalidText, match="32 bytes"):
        SealingKey(b"\x07" * 31)
