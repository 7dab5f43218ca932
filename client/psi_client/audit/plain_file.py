"""A file from outside, opened only when it is a plain one of bounded length and no symbolic link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from psi_core.errors import InvalidText, NotFound


@contextmanager
def plain_file(folder: Path, name: str, limit: int) -> Iterator[tuple[BinaryIO, int]]:
    """Open `name` below `folder` to be read; yields it with its length, at most `limit` bytes.

    Raises NotFound when it is missing, InvalidText when it is no plain file of that length.
    """
    # Never blocks on a pipe or device that stands in place of a file.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(folder / name, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{name} is missing") from None
    except OSError as error:
        raise InvalidText(f"{name} cannot be read as a plain file ({error.strerror})") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise InvalidText(f"{name} is no plain file of at most {limit} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file, status.st_size
    finally:
        os.close(descriptor)
