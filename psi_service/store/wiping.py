"""Deleting so that nothing can be read of it in the database file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database


@contextmanager
def wiped(db: Database) -> Iterator[None]:
    """Inside: what is deleted or replaced is overwritten with zeros in the database file."""
    db.conn.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        db.conn.execute("PRAGMA secure_delete = OFF")
