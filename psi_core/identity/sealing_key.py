"""A lab's X25519 sealing key: small secrets travel to the lab under it, by HPKE (RFC 9180).

Base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. Who sent a sealed text is not HPKE's to
say here: the signed note around it does.
"""

from __future__ import annotations

import secrets

from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key

from psi_core.errors import InvalidText, VerificationError

KEY_LENGTH = 32
OVERHEAD = 16
"""A ciphertext is this many bytes longer than what it seals (the tag)."""


class SealingKey:
    """The private half. Its bytes are never in the repr."""

    def __init__(self, private: bytes) -> None:
        """Take 32 private bytes; raises InvalidText for any other length."""
        if len(private) != KEY_LENGTH:
            raise InvalidText(f"a sealing key has {KEY_LENGTH} bytes, not {len(private)}; restore its file")
        self._key = import_x25519_private_key(private)

    @classmethod
    def generate(cls) -> SealingKey:
        """Draw a fresh key."""
        return cls(secrets.token_bytes(KEY_LENGTH))

    @property
    def private(self) -> bytes:
        """The 32 private bytes, for the key file alone."""
        return self._key.seed

    @property
    def public(self) -> bytes:
        """The 32 public bytes, for the card."""
        return self._key.public_key().export_key(format="raw")

    def open(self, enc: bytes, ciphertext: bytes, *, info: bytes, aad: bytes) -> bytes:
        """Open what `seal` made with the same `info` and `aad`; raises VerificationError otherwise."""
        try:
            cipher = HPKE.new(receiver_key=self._key, aead_id=HPKE.AEAD.CHACHA20_POLY1305, enc=enc, info=info)
            return cipher.unseal(ciphertext, aad)
        except ValueError as fault:
            raise VerificationError(
                "the sealed text does not open with this lab's sealing key; ask the sender to seal it again, "
                "for the card that this node shows now"
            ) from fault

    def __repr__(self) -> str:
        return "SealingKey(hidden)"


def check_public(public: bytes) -> None:
    """Raise InvalidText unless `public` is 32 bytes that X25519 can use (points of low order are refused)."""
    try:
        import_x25519_public_key(public)
    except ValueError as fault:
        raise InvalidText("the sealing key is not a usable X25519 public key; ask for a new card") from fault


def seal(public: bytes, plaintext: bytes, *, info: bytes, aad: bytes) -> tuple[bytes, bytes]:
    """Seal for the holder of the private half: (enc, 32 bytes; ciphertext, OVERHEAD bytes longer)."""
    check_public(public)
    cipher = HPKE.new(
        receiver_key=import_x25519_public_key(public), aead_id=HPKE.AEAD.CHACHA20_POLY1305, info=info
    )
    return cipher.enc, cipher.seal(plaintext, aad)
