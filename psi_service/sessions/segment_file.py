"""One segment of engine `oprf` as a sealed file: written once, read only when its hash is the one in the store.

    u32be length || head || parts: items, tags, what left and came, orphans, what labels need || outputs || labels heard

Every frame (the head too) is sealed by itself, bound to the file's name and its place. Outputs and labels have a frame
a block of rows, and are opened when they are needed. The file's hash is checked before anything of it is used.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import weakref
from collections.abc import Iterator
from pathlib import Path

from psi_core.engines.labels import sealed_size
from psi_core.engines.oprf.heard import Heard
from psi_core.engines.oprf.kept_rows import OUTPUT_BYTES, ROWS_A_BLOCK, Rows
from psi_core.engines.oprf.said import Said
from psi_core.engines.oprf.segment import Facts, GenerationName, Segment
from psi_core.errors import EngineFault, StoreError
from psi_core.kinds.fields import lengths
from psi_service import sealing
from psi_service.durable import sync_folder

FOLDER = "generations"
PARTS = ("items", "own_tags", "gone", "leaving", "coming", "orphans")
SAID = ("digests", "items", "changed")
HEARD = ("tags", "contexts", "which")
_FRAME = 1 << 20
_SEAL = 28
"""Bytes that sealing adds to a frame."""
_LENGTH = 4


def write(folder: Path, data_key: bytes, segment: Segment) -> tuple[str, bytes]:
    """Write a new file of mode 0600, fsynced; returns its name and the SHA-256 of its sealed bytes.

    Raises StoreError when it cannot be written.
    """
    name, digest = secrets.token_hex(16), hashlib.sha256()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for number, frame in enumerate(_frames(segment)):
                sealed = sealing.seal(data_key, frame, _aad(name, number))
                written = sealed if number else len(sealed).to_bytes(_LENGTH, "big") + sealed
                digest.update(written)
                file.write(written)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    except OSError as error:
        raise StoreError(f"the cache {folder / name} cannot be written ({error.strerror})") from error
    return name, digest.digest()


def read(folder: Path, name: str, data_key: bytes, file_hash: bytes) -> Segment:
    """Check a file and open all of it but its outputs, which are opened when they are asked for.

    Raises StoreError when it is missing, another one than the store names, or malformed. The file may be removed
    while the segment is in use.
    """
    file = _File(folder / name)
    if not hmac.compare_digest(file.digest(), file_hash):
        raise StoreError(f"the cache {file.path} is not the file that the store names")
    try:
        return _Reader(file, name, data_key).segment()
    except (ValueError, KeyError, TypeError) as fault:
        raise StoreError(f"the cache {file.path} has another form than this version writes") from fault


class _File:
    """An open file, read piece by piece (a mapped one would end the node where its disk fails); closed with its last
    reader."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._descriptor)
            self.length = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise StoreError(f"the cache {path} cannot be read ({error.strerror})") from error

    def digest(self) -> bytes:
        """The SHA-256 of all of it."""
        digest = hashlib.sha256()
        for start in range(0, self.length, _FRAME):
            digest.update(self.read(start, min(start + _FRAME, self.length)))
        return digest.digest()

    def read(self, start: int, end: int) -> bytes:
        """These bytes of it; raises StoreError unless all of them can be had."""
        try:
            found = os.pread(self._descriptor, max(end - start, 0), start)
        except OSError as error:
            raise StoreError(f"the cache {self.path} cannot be read ({error.strerror})") from error
        if len(found) != end - start:
            raise StoreError(f"the cache {self.path} is shorter than it was")
        return found


class _Reader:
    """The frames of one file, by their places."""

    def __init__(self, file: _File, name: str, data_key: bytes) -> None:
        self._file, self._name, self._data_key = file, name, data_key
        end = _LENGTH + int.from_bytes(file.read(0, _LENGTH), "big")
        self._head = json.loads(self.frame(0, _LENGTH, end))
        self._at, self._number = end, 1

    def segment(self) -> Segment:
        parts = {name: self._part(name) for name in PARTS}
        said, heard = self._head.get("said"), self._head.get("heard")
        said_parts = {name: self._part(f"said {name}") for name in SAID if said}
        heard_parts = {name: self._part(f"heard {name}") for name in HEARD if heard}
        outputs = self._rows(self._head["rows"], OUTPUT_BYTES)
        labels = self._rows(heard["rows"], sealed_size(heard["size"])) if heard else None
        if self._at != self._file.length:
            raise ValueError("the file is longer or shorter than its parts")
        before = self._head["before"]
        facts = Facts(
            before and GenerationName(before[0], bytes.fromhex(before[1])),
            bytes.fromhex(self._head["chunk_root"]),
            self._head["receiver_size"],
        )
        return Segment(
            facts,
            outputs=outputs,
            **parts,
            said=Said(said["size"], bytes.fromhex(said["key"]), **said_parts) if said else None,
            heard=Heard(heard["size"], rows=labels, **heard_parts) if heard and labels else None,
        )

    def _part(self, name: str) -> bytes:
        return b"".join(self._frames(self._head["lengths"][name]))

    def _rows(self, count: int, width: int) -> SealedRows:
        found = SealedRows(self, self._number, self._at, count, width)
        blocks = -(-count // ROWS_A_BLOCK)
        self._at += count * width + blocks * _SEAL
        self._number += blocks
        return found

    def _frames(self, length: int) -> Iterator[bytes]:
        while length > 0:
            size = min(length, _FRAME)
            yield self.frame(self._number, self._at, self._at + size + _SEAL)
            self._at, self._number, length = self._at + size + _SEAL, self._number + 1, length - size

    def frame(self, number: int, start: int, end: int) -> bytes:
        """One frame, opened; raises StoreError."""
        return sealing.open(self._data_key, self._file.read(start, end), _aad(self._name, number))


class SealedRows:
    """Outputs or labels of a file, opened block by block."""

    def __init__(self, reader: _Reader, number: int, at: int, count: int, width: int) -> None:
        self._reader = reader
        self._number = number
        self._at = at
        self._count = count
        self._width = width

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    def block(self, number: int) -> bytes:
        """One block of rows; raises EngineFault when it was changed since the file was opened."""
        rows = min(ROWS_A_BLOCK, self._count - number * ROWS_A_BLOCK)
        start = self._at + number * (ROWS_A_BLOCK * self._width + _SEAL)
        try:
            return self._reader.frame(self._number + number, start, start + rows * self._width + _SEAL)
        except StoreError as fault:
            raise EngineFault(f"oprf: what is cached is damaged: {fault}. Run in full.") from fault


def _frames(segment: Segment) -> Iterator[bytes]:
    parts, said, heard = _parts(segment), segment.said, segment.heard
    before = segment.facts.before
    head = {
        "before": before and (before.number, before.hash.hex()),
        "chunk_root": segment.facts.chunk_root.hex(),
        "receiver_size": segment.facts.receiver_size,
        "lengths": {name: len(part) for name, part in parts.items()},
        "rows": segment.outputs.count,
        "said": said and {"size": said.size, "key": said.key.hex()},
        "heard": heard and {"size": heard.size, "rows": heard.rows.count},
    }
    yield json.dumps(head).encode()
    for part in parts.values():
        yield from (part[at : at + _FRAME] for at in range(0, len(part), _FRAME))
    yield from _blocks(segment.outputs)
    if heard is not None:
        yield from _blocks(heard.rows)


def _parts(segment: Segment) -> dict[str, bytes]:
    """What is written whole, by its name in the head, in the order in which it is read."""
    found = {name: getattr(segment, name) for name in PARTS}
    for whose, names in (("said", SAID), ("heard", HEARD)):
        part = getattr(segment, whose)
        found |= {f"{whose} {name}": getattr(part, name) for name in names if part is not None}
    return found


def _blocks(rows: Rows) -> Iterator[bytes]:
    return (rows.block(number) for number in range(-(-rows.count // ROWS_A_BLOCK)))


def _aad(name: str, number: int) -> bytes:
    return lengths("psi-oprf-segment/v1", name, number.to_bytes(8, "big"))
