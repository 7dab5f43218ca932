"""Files beside the store: what a power cut must not undo, and what goes once no row names it."""

from __future__ import annotations

import os
from collections.abc import Set
from contextlib import suppress
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk: a file that was made, renamed or removed is so for good only then.

    Raises OSError.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file that no row names any more; one that is gone already is fine, and the sweep finds the rest."""
    with suppress(OSError):
        path.unlink()


def sweep(folder: Path, named: Set[str]) -> None:
    """Remove the files of a folder, which may not be there, but for those of these names."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in named:
                remove(path)
