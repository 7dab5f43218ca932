"""What lies inside the seal: a manifest and the files, one after the other.

u32be length | manifest (JSON: version, lab, when, files with their sizes) | first file | second file | ...
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psi_core.errors import VerificationError
from psi_core.identity.node_keys import KEY_FILES
from psi_core.log.signed_text import Instant, LabName
from psi_service.backup.sealed_file import Sealer, opened
from psi_service.backup.secret import BackupSecret

DATABASE, HEAD, CARD, SETTINGS, PROFILE = "node.db", "head", "card", "psi.toml", "profile.json"
KEYS = tuple(f"keys/{name}" for name in KEY_FILES)
NEEDED = (DATABASE, CARD, SETTINGS, *KEYS)
"""Without these there is no node."""

_ALLOWED = frozenset((*NEEDED, HEAD, PROFILE))
_PIECE = 1 << 20
_MAX_MANIFEST = 1 << 16


class Held(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    size: Annotated[int, Field(ge=0)]


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    lab: LabName
    made: Instant
    version: str = Field(max_length=100)
    files: tuple[Held, ...] = Field(max_length=32)


def write_archive(
    target: BinaryIO, secret: BackupSecret, manifest: Manifest, files: Mapping[str, Path]
) -> None:
    """Seal `manifest` and the files that it names, from where `files` says that they lie."""
    sealer = Sealer(target, secret)
    text = manifest.model_dump_json().encode()
    sealer.write(len(text).to_bytes(4, "big") + text)
    for held in manifest.files:
        with files[held.name].open("rb") as file:
            for piece in _pieces(file, held.size):
                sealer.write(piece)
    sealer.close()


def read_archive(source: BinaryIO, secret: BackupSecret, folder: Path) -> Manifest:
    """Open a backup into the empty `folder`, for its owner alone, and return its manifest.

    Every byte is verified. Raises InputError, VerificationError; what was written by then is not to be used.
    """
    stream = _Stream(opened(source, secret))
    length = int.from_bytes(stream.exactly(4), "big")
    if length > _MAX_MANIFEST:
        raise VerificationError("the backup's manifest is too large")
    try:
        manifest = Manifest.model_validate_json(stream.exactly(length))
    except ValidationError:
        raise VerificationError("the backup's manifest is not one that this version reads") from None
    names = [held.name for held in manifest.files]
    if len(set(names)) != len(names) or not set(NEEDED) <= set(names) <= _ALLOWED:
        raise VerificationError("the backup does not hold the files of a node")
    (folder / "keys").mkdir(mode=0o700)
    for held in manifest.files:
        with open(folder / held.name, "xb", opener=_private) as file:
            for piece in stream.pieces(held.size):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    stream.end()
    return manifest


class _Stream:
    """The chunks of a sealed file as one run of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def exactly(self, count: int) -> bytes:
        return b"".join(self.pieces(count))

    def pieces(self, count: int) -> Iterator[bytes]:
        while count:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    raise VerificationError("the backup ends before its files do")
            piece, self._rest = self._rest[:count], self._rest[count:]
            count -= len(piece)
            yield piece

    def end(self) -> None:
        if self._rest or next(self._chunks, b""):
            raise VerificationError("the backup goes on after its files")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Exactly `size` bytes: what was added meanwhile is not in the manifest."""
    while size:
        piece = file.read(min(_PIECE, size))
        if not piece:
            raise VerificationError("a file shrank while it was backed up; make the backup again")
        size -= len(piece)
        yield piece
