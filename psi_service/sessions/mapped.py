"""Buffers in a file without a name, mapped into memory: what a session holds for long and reads seldom.

The file is gone with its last view: when the session ends, however it ends, and when the process does.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from psi_core.errors import StoreError
from psi_core.session.packed import Buffer

_LINE = 64
"""Every buffer begins at a multiple of it: a line of the processor's cache."""


class Mapped:
    """Read-only copies of `buffers`, in `parts`, of which only what is in use has to be in memory."""

    def __init__(self, folder: Path, buffers: Sequence[Buffer]) -> None:
        """Raises StoreError when the folder's disk is full or fails."""
        try:
            self._map, starts = _written(folder, buffers)
        except OSError as error:
            raise StoreError(
                f"a snapshot could not be written in {folder}: {error}. Mend its disk, full or failing, and try again"
            ) from error
        view = memoryview(self._map)
        self.parts = tuple(
            view[start : start + memoryview(buffer).nbytes]
            for start, buffer in zip(starts, buffers, strict=True)
        )

    def release(self) -> None:
        """Let go of the memory: what is read again comes from the file's pages, which the kernel may still have."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def _written(folder: Path, buffers: Sequence[Buffer]) -> tuple[mmap.mmap, list[int]]:
    starts = []
    with TemporaryFile(dir=folder) as file:
        for buffer in buffers:
            file.write(bytes(-file.tell() % _LINE))
            starts.append(file.tell())
            file.write(buffer)
        # A file of no bytes cannot be mapped.
        file.write(bytes(1))
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), starts
