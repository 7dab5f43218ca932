"""Keys of signed notes (c2sp.org/signed-note): verifier keys as text, Ed25519 signing (RFC 8032), key ids.

A key is selected by its name *and* its id, the first 4 bytes of SHA-256(name || LF || type || public key).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from Crypto.Signature import eddsa

from psi_core import native_core
from psi_core.errors import InvalidSignature, InvalidText
from psi_core.log import cosignature

MAX_NAME = 512
MAX_VERIFIER_KEY = 1024
SIGNATURE_LENGTH = 64


class NoteType(IntEnum):
    """Signature types of c2sp.org/signed-note that this log knows."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


ED25519 = NoteType.ED25519
COSIGNATURE = NoteType.COSIGNATURE


class Signature(NamedTuple):
    """One signature line of a note: who (name, 4-byte key id) and the signature's bytes after the key id."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True)
class Verifier:
    """The public half of a note key. `public_key` is a 32-byte Ed25519 point that is not of small order."""

    name: str
    type: NoteType
    public_key: bytes
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        _scheme(self.public_key)
        object.__setattr__(self, "key_id", key_id(self.name, self.type, self.public_key))

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read `name+hex(key id)+base64(type || public key)`; raises InvalidText for any other spelling."""
        parts = vkey.split("+", 2) if len(vkey) <= MAX_VERIFIER_KEY else []
        if len(parts) != 3:
            raise InvalidText("a verifier key is written name+keyid+key, and is at most 1024 characters long")
        try:
            encoded = base64.b64decode(parts[2], validate=True)
            verifier = cls(parts[0], NoteType(encoded[0]), encoded[1:])
        except (binascii.Error, ValueError, IndexError):
            raise InvalidText(
                "a verifier key has a damaged key part, or a type that is not 0x01 or 0x04"
            ) from None
        if not hmac.compare_digest(str(verifier).encode(), vkey.encode(errors="replace")):
            raise InvalidText("a verifier key's id does not belong to its name and key: copy it again, whole")
        return verifier

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.type]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def check(self, message: bytes, signature: bytes) -> None:
        """Check a signature over a note's text (`message`, final LF included).

        `signature` has 64 bytes, or 72 for a cosignature (u64be time first). Raises InvalidSignature.
        """
        if self.type is COSIGNATURE:
            if len(signature) != cosignature.SIGNED_LENGTH:
                raise InvalidSignature(f"a cosignature by {self.name} has the wrong length")
            time, signature = cosignature.split(signature)
            if time > cosignature.MAX_TIME:
                raise InvalidSignature(f"a cosignature by {self.name} has a time beyond 2^63 - 1")
            message = cosignature.signed_message(message, time)
        try:
            _scheme(self.public_key).verify(message, signature)
        except ValueError:
            raise InvalidSignature(
                f"a signature by {self.name} is wrong: text or signature was changed"
            ) from None


def wrong_signatures(checks: Sequence[tuple[Verifier, bytes, bytes]]) -> list[int]:
    """Check many (verifier, message, signature) as `Verifier.check` does; return the places of those that are wrong.

    The native core checks all Ed25519 signatures at once, and refuses what RFC 8032 section 5.1.7 leaves open
    (signatures that are not canonical, points of small order).
    """
    if native_core.native is None:
        return [place for place, check in enumerate(checks) if not _holds(*check)]
    batch = {
        place: (verifier.public_key, message, signature)
        for place, (verifier, message, signature) in enumerate(checks)
        if verifier.type is ED25519 and len(signature) == SIGNATURE_LENGTH
    }
    keys, messages, signatures = zip(*batch.values(), strict=True) if batch else ((), (), ())
    found = native_core.native.wrong_signatures(
        b"".join(keys), *native_core.packed(messages), b"".join(signatures)
    )
    places = list(batch)
    wrong = [places[each] for each in native_core.positions(found)]
    others = [place for place, check in enumerate(checks) if place not in batch and not _holds(*check)]
    return sorted([*wrong, *others])


def _holds(verifier: Verifier, message: bytes, signature: bytes) -> bool:
    try:
        verifier.check(message, signature)
    except InvalidSignature:
        return False
    return True


class Signer:
    """The secret half of a note key. Its representation shows the name and key id only."""

    __slots__ = ("_scheme", "_seed", "verifier")

    def __init__(self, name: str, seed: bytes, type: NoteType) -> None:
        if len(seed) != 32:
            raise InvalidText(f"the seed of key {name} has {len(seed)} bytes instead of 32")
        private = eddsa.import_private_key(seed)
        self._seed = seed
        self._scheme = eddsa.new(private, "rfc8032")
        self.verifier = Verifier(name, type, private.public_key().export_key(format="raw"))

    @classmethod
    def generate(cls, name: str, type: NoteType = ED25519) -> Signer:
        """Make a new key from 32 random bytes."""
        return cls(name, secrets.token_bytes(32), type)

    @classmethod
    def from_seed(cls, name: str, seed: bytes, type: NoteType = ED25519) -> Signer:
        """Rebuild a key from its 32-byte seed (RFC 8032 section 5.1.5)."""
        return cls(name, seed, type)

    @property
    def name(self) -> str:
        """The key's name, as it stands in signature lines."""
        return self.verifier.name

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes, to be written to a key file and nowhere else."""
        return self._seed

    def sign(self, text: str) -> Signature:
        """Sign a note's text, final LF included. Raises InvalidSignature for a cosignature key."""
        if self.verifier.type is not ED25519:
            raise InvalidSignature(f"key {self.name} makes cosignatures, which need a time: use cosign")
        return self._signature(self._scheme.sign(text.encode()))

    def cosign(self, text: str, time: int) -> Signature:
        """Cosign a note's text at `time` (seconds since 1970); other key types raise InvalidSignature."""
        if self.verifier.type is not COSIGNATURE:
            raise InvalidSignature(f"key {self.name} is not a cosignature key")
        value = self._scheme.sign(cosignature.signed_message(text.encode(), time))
        return self._signature(cosignature.join(time, value))

    def _signature(self, value: bytes) -> Signature:
        return Signature(self.verifier.name, self.verifier.key_id, value)

    def __repr__(self) -> str:
        return f"Signer({self.verifier.name}, key id {self.verifier.key_id.hex()})"


def check_name(name: str) -> None:
    """Check a key name: not empty, no white space, no control character, no "+". Raises InvalidText."""
    if not name or len(name) > MAX_NAME:
        raise InvalidText(f"a key name has 1 to {MAX_NAME} characters")
    # Of all white space only the plain blank counts as printable.
    if "+" in name or " " in name or not name.isprintable():
        raise InvalidText('a key name has no white space, no control character and no "+"')


def key_id(name: str, type: NoteType, public_key: bytes) -> bytes:
    """Return the 4-byte key id: SHA-256(name || 0x0A || type || public key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([type]) + public_key).digest()[:4]


@lru_cache(maxsize=256)
def _scheme(public_key: bytes) -> Any:
    if len(public_key) != 32:
        raise InvalidText(f"an Ed25519 public key has {len(public_key)} bytes instead of 32")
    try:
        key = eddsa.import_public_key(public_key)
    except ValueError:
        raise InvalidText("an Ed25519 public key is not a point of the curve") from None
    # A point of small order verifies signatures that nobody made.
    if (key.pointQ * 8).is_point_at_infinity():
        raise InvalidText("an Ed25519 public key is a point of small order: no one can have signed with it")
    return eddsa.new(key, "rfc8032")
