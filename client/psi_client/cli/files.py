"""Small files that people hand to a command, or take from one: cards, notes, terms, reports."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from psi_core.errors import InputError

MAX_FILE = 1 << 20


def read_file(path: Path, what: str, limit: int = MAX_FILE) -> bytes:
    """Read at most `limit` bytes; `-` is standard input. Raises InputError, naming `what` it should have been."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with path.open("rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name the file with {what}") from None
    if len(data) > limit:
        raise InputError(f"{path} is longer than {limit:,} bytes: it is not {what}")
    return data


def read_note(path: Path, what: str) -> str:
    """A signed note as text. Raises InputError when it is too long or not UTF-8."""
    from psi_core.log.note import MAX_NOTE

    try:
        return read_file(path, what, MAX_NOTE).decode()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8: it is not {what}") from None


def write_file(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, in place of an older one. Raises InputError."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        new.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): name another file") from None
