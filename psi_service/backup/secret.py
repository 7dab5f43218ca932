"""What opens a backup: a passphrase that people keep, or a key file that a timer uses.

passphrase   scrypt (RFC 7914), N = 2^17, r = 8, p = 1: 128 MiB and half a second for each guess
key file     at least 32 bytes from a random source; HMAC-SHA-256 with the backup's salt
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from psi_core.errors import InputError

SALT = 16
KEY = 32
LEAST_PASSPHRASE = 12
LEAST_KEY_FILE = 32
MOST_KEY_FILE = 4096

PASSPHRASE, KEY_FILE = b"passphrase", b"key-file"
_COST, _BLOCK, _LANES = 1 << 17, 8, 1
_LABEL = b"psi-backup/v1"


@dataclass(frozen=True)
class BackupSecret:
    """A secret and its kind, which the backup's first line names. Its repr shows the kind alone."""

    kind: bytes
    _content: bytes = field(repr=False)

    @classmethod
    def of_passphrase(cls, words: str) -> Self:
        """Raises InputError below 12 characters: the file will lie in places that others can read."""
        if len(words) < LEAST_PASSPHRASE:
            raise InputError(f"a backup's passphrase has at least {LEAST_PASSPHRASE} characters")
        return cls(PASSPHRASE, words.encode("utf-8", "surrogateescape"))

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Raises InputError when the file cannot be read, or cannot hold a key."""
        try:
            with path.open("rb") as file:
                content = file.read(MOST_KEY_FILE + 1)
        except OSError as error:
            raise InputError(f"the key file {path} cannot be read ({error.strerror})") from None
        if not LEAST_KEY_FILE <= len(content) <= MOST_KEY_FILE:
            raise InputError(
                f"the key file {path} holds {LEAST_KEY_FILE} to {MOST_KEY_FILE:,} bytes: "
                f"head -c {LEAST_KEY_FILE} /dev/urandom > {path}"
            )
        return cls(KEY_FILE, content)

    def key(self, salt: bytes) -> bytes:
        """The 32-byte key of the backup with this 16-byte salt. With a passphrase it takes its time."""
        if self.kind == KEY_FILE:
            return hmac.digest(salt, _LABEL + self._content, hashlib.sha256)
        return hashlib.scrypt(
            self._content, salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=2 * 128 * _BLOCK * _COST, dklen=KEY
        )
