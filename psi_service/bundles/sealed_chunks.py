"""One lane's bundle on this node's disk: chunk after chunk, each sealed for its place as soon as it is proven."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import BinaryIO

import structlog

from psi_core.engines.oprf.bundle import BundleHeader, chunk_length
from psi_core.engines.oprf.chunks import Chunk, cut
from psi_core.errors import StoreError
from psi_core.kinds.fields import lengths
from psi_service import sealing
from psi_service.durable import remove, sync_folder

log = structlog.get_logger()


class BundleWriter:
    """A new file of mode 0600 below `folder`. Machines call `keep` in their own threads, never on the event loop.

    A bundle that cannot be written whole is given up, and the journal says so: it is evidence, and no session
    waits for it.
    """

    def __init__(self, folder: Path, data_key: bytes, header: BundleHeader) -> None:
        self.header = header
        self.path = folder / secrets.token_hex(16)
        self._data_key = data_key
        self._due: list[Chunk] = cut(header.items)[::-1]
        self._file: BinaryIO | None = None
        self._given_up = False
        # A session that is broken off discards its bundles while the thread of a machine may still be at work.
        self._turn = RLock()

    def keep(self, number: int, blinded: bytes, answer: bytes) -> None:
        """Seal and write the next chunk; one that is kept already (a resumed run sends it again) is passed over."""
        with self._turn:
            if not self._given_up and self._due and number >= self._due[-1].number:
                self._keep_next(number, blinded, answer)

    def _keep_next(self, number: int, blinded: bytes, answer: bytes) -> None:
        chunk = self._due[-1]
        if number != chunk.number:
            self._give_up(f"chunk {number} came before chunk {chunk.number}")
            return
        try:
            self._open().write(sealing.seal(self._data_key, blinded + answer, _aad(self.header, chunk)))
        except OSError as fault:
            self._give_up(str(fault.strerror))
            return
        self._due.pop()

    def finish(self) -> int:
        """Put it on the disk for good; returns its length, 0 when it is not whole and was removed."""
        if self._due or self._file is None:
            self.discard()
            return 0
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            size = self._file.tell()
            self._file.close()
            sync_folder(self.path.parent)
        except OSError as fault:
            self._give_up(str(fault.strerror))
            return 0
        self._file = None
        return size

    def discard(self) -> None:
        """Remove what was written of it, unless it was finished."""
        with self._turn:
            self._given_up = True
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
                self._file = None
                remove(self.path)

    def _open(self) -> BinaryIO:
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "wb")
        return self._file

    def _give_up(self, reason: str) -> None:
        log.warning("bundle not kept", session=self.header.session_id, lane=self.header.lane, reason=reason)
        self.discard()


def read_chunks(path: Path, data_key: bytes, header: BundleHeader) -> Iterator[bytes]:
    """Yield the chunks of a bundle, opened. Raises StoreError for a file that is missing, changed or not whole."""
    try:
        with path.open("rb") as file:
            for chunk in cut(header.items):
                sealed = file.read(chunk_length(chunk) + sealing.OVERHEAD)
                yield sealing.open(data_key, sealed, _aad(header, chunk))
            if file.read(1):
                raise StoreError(f"the bundle {path} is longer than its lane")
    except OSError as error:
        raise StoreError(f"the bundle {path} cannot be read ({error.strerror})") from error


def _aad(header: BundleHeader, chunk: Chunk) -> bytes:
    return lengths("psi-oprf-bundle-file/v1", header.text(), chunk.number.to_bytes(4, "big"))
