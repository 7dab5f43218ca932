"""A file sealed in chunks, so that neither side holds more than one of them in memory.

    psi-backup/v1 passphrase\\n | salt (16) | nonce prefix (7) | chunk | chunk | ... | last chunk

A chunk is 1 MiB under AES-256-GCM; its nonce is prefix || u32be number || last (the STREAM construction of
Hoang, Reyhanitabar, Rogaway and Vizár, 2015), so that none can be left out, repeated, moved or cut off. All that stands
before the chunks is their associated data.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from psi_core.errors import InputError, VerificationError
from psi_service.backup.secret import KEY_FILE, PASSPHRASE, SALT, BackupSecret

CHUNK = 1 << 20
_TAG = 16
_PREFIX = 7
_FIRST = b"psi-backup/v1 "


class Sealer:
    """Writes a sealed file. `write` as often as needed, `close` once: without that the file does not open."""

    def __init__(self, file: BinaryIO, secret: BackupSecret) -> None:
        salt, self._prefix = secrets.token_bytes(SALT), secrets.token_bytes(_PREFIX)
        self._header = _FIRST + secret.kind + b"\n" + salt + self._prefix
        self._cipher = AESGCM(secret.key(salt))
        self._file = file
        self._waiting = bytearray()
        self._number = 0
        file.write(self._header)

    def write(self, data: bytes) -> None:
        """Add `data`."""
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        """Write the last chunk; the file stays open."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last=last)
        self._file.write(self._cipher.encrypt(nonce, chunk, self._header))
        self._number += 1


def opened(file: BinaryIO, secret: BackupSecret) -> Iterator[bytes]:
    """The chunks of a sealed file, each verified before it is yielded; the end was reached only if this ends.

    Raises InputError when it is no backup, or sealed with a secret of the other kind; VerificationError when
    the secret is wrong, or the file was changed or cut.
    """
    first = file.readline(64)
    if first == _FIRST + (KEY_FILE if secret.kind == PASSPHRASE else PASSPHRASE) + b"\n":
        needed = "--key-file FILE" if secret.kind == PASSPHRASE else "its passphrase; leave --key-file out"
        raise InputError(f"this backup was sealed the other way: give {needed}")
    if first != _FIRST + secret.kind + b"\n":
        raise InputError("the file is no backup of a psi node, or one of a newer version")
    head = file.read(SALT + _PREFIX)
    cipher = AESGCM(secret.key(head[:SALT]))
    chunk, number = file.read(CHUNK + _TAG), 0
    while True:
        following = file.read(CHUNK + _TAG)
        nonce = _nonce(head[SALT:], number, last=not following)
        try:
            yield cipher.decrypt(nonce, chunk, first + head)
        except (InvalidTag, ValueError):
            raise VerificationError(
                "the backup does not open: the passphrase or key file is another, or the file was changed or cut"
            ) from None
        if not following:
            return
        chunk, number = following, number + 1


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])
