"""What a running session would need to go on after a break: one file that only grows, each record sealed for its place.

    head: PART ... PART, READY          frozen sets, private canaries, the receiver's seeds; nothing counts before READY
    then: CHUNK and OWN, as they come   answered chunks, and what the sender computed of its own items

A record is a header (kind, lane, number, length) and its sealed body; the header and the record's place are bound to
the body. A record that a crash tore off is the last one, and is cut away; anything else that does not hold is damage.
"""

from __future__ import annotations

import os
import secrets
import struct
from enum import IntEnum
from pathlib import Path
from threading import RLock
from typing import NamedTuple, Self

import structlog

from psi_core.errors import SessionAborted, StoreError
from psi_core.kinds.fields import lengths
from psi_service import sealing
from psi_service.durable import remove, sync_folder

log = structlog.get_logger()

MOST_BODY = 4 << 20
"""Bytes of one record's body; a chunk with its outputs has half of it."""

_HEADER = struct.Struct(">BHII")


class Kind(IntEnum):
    """What a record holds."""

    PART = 1
    READY = 2
    CHUNK = 3
    OWN = 4


class Record(NamedTuple):
    """Where a record lies: which one it is, its header's words, where its sealed body begins, and how long that is."""

    place: int
    kind: Kind
    lane: int
    number: int
    offset: int
    length: int

    @property
    def header(self) -> bytes:
        """As it stands in the file."""
        return _HEADER.pack(self.kind, self.lane, self.number, self.length)


class ResumptionFile:
    """One open file. Threads of machines append to it; `close` ends that at once, whatever they are at."""

    def __init__(
        self, path: Path, data_key: bytes, session_id: str, descriptor: int, records: list[Record]
    ) -> None:
        self.path = path
        self.records = records
        self._data_key = data_key
        self._session_id = session_id
        self._descriptor: int | None = descriptor
        self._end = records[-1].offset + records[-1].length if records else 0
        self._given_up = False
        self._turn = RLock()

    @classmethod
    def create(cls, folder: Path, data_key: bytes, session_id: str) -> Self:
        """A new file of mode 0600 below `folder`. Raises OSError."""
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / secrets.token_hex(16)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            sync_folder(folder)
        except OSError:
            os.close(descriptor)
            remove(path)
            raise
        return cls(path, data_key, session_id, descriptor, [])

    @classmethod
    def reopen(cls, path: Path, data_key: bytes, session_id: str) -> Self:
        """The file of a session that broke off, without a torn end. Raises StoreError when it is gone or damaged."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"the file of a suspended session cannot be read ({error.strerror})") from error
        try:
            found = cls(path, data_key, session_id, descriptor, _scan(descriptor))
            os.ftruncate(descriptor, found._end)
        except BaseException:
            os.close(descriptor)
            raise
        return found

    def append(self, kind: Kind, lane: int, number: int, body: bytes, *, durable: bool = False) -> None:
        """Write one record; `durable`: it outlives a power cut once this returns.

        A full or failing disk ends no session: the file is given up then, and the journal says so. Raises
        SessionAborted when the file was closed (the run was broken off), or can be neither written nor removed.
        """
        with self._turn:
            if self._given_up:
                return
            if self._descriptor is None:
                raise SessionAborted("the session was broken off meanwhile")
            length = len(body) + sealing.OVERHEAD
            record = Record(len(self.records), kind, lane, number, self._end + _HEADER.size, length)
            sealed = sealing.seal(self._data_key, body, self._aad(record))
            try:
                _write(self._descriptor, record.header + sealed, self._end)
                if durable:
                    os.fdatasync(self._descriptor)
            except OSError as error:
                self._give_up(str(error.strerror))
                return
            self.records.append(record)
            self._end = record.offset + length

    def read(self, record: Record) -> bytes:
        """A record's body. Raises StoreError when it was changed, or the file cannot be read."""
        with self._turn:
            if self._descriptor is None:
                raise StoreError("the file of the session is closed")
            try:
                sealed = os.pread(self._descriptor, record.length, record.offset)
            except OSError as error:
                raise StoreError(f"the file of the session cannot be read ({error.strerror})") from error
        return sealing.open(self._data_key, sealed, self._aad(record))

    def close(self) -> None:
        """Nothing more is written; what is there stays. Closing twice is harmless."""
        with self._turn:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _give_up(self, reason: str) -> None:
        """What is answered from here on is not in the file, so that it must never be found again."""
        log.warning("session cannot go on after a break", session=self._session_id, reason=reason)
        self.close()
        try:
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        except OSError as error:
            words = f"what is kept of it can be neither written ({reason}) nor removed ({error.strerror})"
            raise SessionAborted(words) from error
        self._given_up = True

    def _aad(self, record: Record) -> bytes:
        place = record.place.to_bytes(8, "big")
        return lengths("psi-resumption-file/v1", self._session_id, place, record.header)


def is_ready(records: list[Record]) -> bool:
    """Whether the head was written whole."""
    return any(record.kind is Kind.READY for record in records)


def scan(path: Path) -> list[Record]:
    """The whole records of a file, none of them opened. Raises StoreError when it is gone or damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"the file of a suspended session cannot be read ({error.strerror})") from error
    try:
        return _scan(descriptor)
    finally:
        os.close(descriptor)


def _scan(descriptor: int) -> list[Record]:
    size, offset, found = os.fstat(descriptor).st_size, 0, list[Record]()
    while offset + _HEADER.size <= size:
        kind, lane, number, length = _HEADER.unpack(os.pread(descriptor, _HEADER.size, offset))
        if kind not in set(Kind) or not sealing.OVERHEAD <= length <= MOST_BODY + sealing.OVERHEAD:
            raise StoreError("the file of a suspended session is damaged")
        offset += _HEADER.size
        if offset + length > size:
            break
        found.append(Record(len(found), Kind(kind), lane, number, offset, length))
        offset += length
    return found


def _write(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
