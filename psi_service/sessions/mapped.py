"""Buffers in a file without a name, mapped into memory: what a session holds for long and reads seldom.

The file is gone with its last view: when the session ends, however it ends, and when the process does.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from psi_core.errors import StoreError
from psi_core.session.packed import Buffer

_LINE = 64
"""Every part begins at a multiple of it: a line of the processor's cache."""


class Mapped:
    """Read-only parts, of which only what is in use has to be in memory. Write inside `with`, read after it."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError, as `add` does, when the folder's disk is full or fails."""
        self._folder = folder
        self._places: list[tuple[int, int]] = []
        self._view = memoryview(b"")
        try:
            self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise self._fault(error) from error

    def add(self, *buffers: Buffer) -> int:
        """Write one part, which is these buffers one after another; returns its number."""
        try:
            self._file.write(bytes(-self._file.tell() % _LINE))
            start = self._file.tell()
            for buffer in buffers:
                self._file.write(buffer)
            self._places.append((start, self._file.tell()))
        except OSError as error:
            raise self._fault(error) from error
        return len(self._places) - 1

    def part(self, number: int) -> memoryview:
        """The bytes of one part."""
        start, end = self._places[number]
        return self._view[start:end]

    def release(self) -> None:
        """Let go of the memory: what is read again comes from the file's pages, which the kernel may still have."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                # A file of no bytes cannot be mapped.
                self._file.write(bytes(1))
                self._file.flush()
                self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as fault:
            raise self._fault(fault) from fault
        self._view = memoryview(self._map)

    def _fault(self, error: OSError) -> StoreError:
        return StoreError(
            f"a snapshot could not be written in {self._folder}: {error}. Mend its disk, full or failing, and try again"
        )
