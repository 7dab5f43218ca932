"""Numbered migrations: `migrations/NNNN_name.sql`, each applied once, in order, in a transaction of its own.

The number of the last one applied is SQLite's `user_version`.
"""

from __future__ import annotations

import re
import sqlite3
from importlib.resources import files

from psi_core.errors import StoreError

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


def migrations() -> dict[int, str]:
    """Every migration of this version: number (from 1, without gaps) to SQL text."""
    folder = files("psi_service.store").joinpath("migrations")
    found = {
        int(match[1]): file.read_text("utf-8")
        for file in folder.iterdir()
        if (match := _NAME.fullmatch(file.name))
    }
    return dict(sorted(found.items()))


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the database up to this version and return its schema number.

    Raises StoreError when the database is newer than this version, or a migration fails; a failed one leaves
    no trace.
    """
    known = migrations()
    newest = max(known)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > newest:
        raise StoreError(
            f"the store has schema {version}, this version knows {newest}: run the newer version that made it"
        )
    for number in range(version + 1, newest + 1):
        _apply(connection, number, known[number])
    return newest


def _apply(connection: sqlite3.Connection, number: int, sql: str) -> None:
    # One script, because executescript() commits whatever is open before it starts.
    script = f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;"
    try:
        connection.executescript(script)
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise StoreError(f"migration {number} of the store failed: {error}") from error
