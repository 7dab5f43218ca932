"""One owner: whoever holds the lock file owns the store. The kernel frees it however its process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from psi_core.errors import StoreLocked

LOCK_FILE = "node.lock"


class StoreLock:
    """An exclusive flock(2) on `node.lock`; the file holds the owner's process id, for people only."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, directory: Path) -> StoreLock:
        """Take the lock of the store in `directory`, which exists.

        Raises StoreLocked at once when another process, or another Store of this one, holds it.
        """
        path = directory / LOCK_FILE
        # Not inherited by children (PEP 446): a worker that outlives the node must not keep its store locked.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise StoreLocked(
                f"the store in {directory} is in use by process {owner or 'unknown'}: "
                "stop that node, or use the commands that talk to it"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would race with the next owner."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
