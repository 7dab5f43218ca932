"""One generation of engine `oprf` as a sealed file: written whole, read only when its hash is the one in the store."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from psi_core.engines.oprf.generation import Generation, GenerationName
from psi_core.errors import StoreError
from psi_core.kinds.fields import lengths
from psi_service import sealing

FOLDER = "generations"
_PARTS = 5
_LENGTH = 8


def write(folder: Path, data_key: bytes, generation: Generation) -> tuple[str, bytes]:
    """Write a new file of mode 0600, fsynced; returns its name and the SHA-256 of its sealed bytes.

    Raises StoreError when it cannot be written.
    """
    sealed = sealing.seal(data_key, _encode(generation), _aad(generation.name))
    name = secrets.token_hex(16)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        _sync(folder)
    except OSError as error:
        raise StoreError(f"the cache {folder / name} cannot be written ({error.strerror})") from error
    return name, hashlib.sha256(sealed).digest()


def read(path: Path, data_key: bytes, name: GenerationName, file_hash: bytes) -> Generation:
    """Read and check a file. Raises StoreError when it is missing, another one than the store names, or malformed."""
    try:
        sealed = path.read_bytes()
    except OSError as error:
        raise StoreError(f"the cache {path} cannot be read ({error.strerror})") from error
    if not hmac.compare_digest(hashlib.sha256(sealed).digest(), file_hash):
        raise StoreError(f"the cache {path} is not the file that the store names")
    return _decode(sealing.open(data_key, sealed, _aad(name)), name, path)


def remove(path: Path) -> None:
    """Remove a file that no row names any more; one that is gone already is fine, and the sweep finds the rest."""
    with suppress(OSError):
        path.unlink()


def _encode(generation: Generation) -> bytes:
    parts = (
        generation.items,
        generation.outputs,
        generation.own_tags,
        generation.tags,
        generation.orphans,
    )
    return b"".join(len(part).to_bytes(_LENGTH, "big") + part for part in parts)


def _decode(data: bytes, name: GenerationName, path: Path) -> Generation:
    parts, at = [], 0
    for _ in range(_PARTS):
        start = at + _LENGTH
        at = start + int.from_bytes(data[at:start], "big")
        parts.append(data[start:at])
    if at != len(data):
        raise StoreError(f"the cache {path} has another form than this version writes")
    return Generation(name, *parts)


def _aad(name: GenerationName) -> bytes:
    return lengths("psi-oprf-generation-file/v1", name.number.to_bytes(8, "big"), name.hash)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
