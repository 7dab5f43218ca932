"""A store read beside a running node: without its lock, and without writing a byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from psi_core.errors import StoreError
from psi_service.store.database import DATABASE_FILE


@contextmanager
def reading(data_dir: Path) -> Iterator[Database]:
    """One consistent view of the committed data. Raises StoreError when the file is missing or damaged."""
    path = data_dir / DATABASE_FILE
    if not path.is_file():
        raise StoreError(f"there is no {path}")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        yield Database(connection, execute_plugins=False)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    finally:
        connection.close()


def copy_store(data_dir: Path, target: Path) -> None:
    """Copy the committed database into the new file `target`, as one consistent state (SQLite's backup API).

    A node may go on writing meanwhile. Raises StoreError.
    """
    with reading(data_dir) as db:
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            db.conn.backup(copy)
            # A file of its own: the copy of a WAL database asks for a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
