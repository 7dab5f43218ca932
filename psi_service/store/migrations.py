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
    """Every migration of this version: number (from 1, without gaps) to SQL text.

    Raises StoreError when numbers are missing or given twice: one of two files would never be applied.
    """
    folder = files("psi_service.store").joinpath("migrations")
    named = sorted(
        ((int(match[1]), file) for file in folder.iterdir() if (match := _NAME.fullmatch(file.name))),
        key=lambda each: each[0],
    )
    numbers = [number for number, _ in named]
    if numbers != list(range(1, len(named) + 1)):
        raise StoreError(
            f"migrations of the store are numbered {numbers}: this version was not put together well"
        )
    return {number: file.read_text("utf-8") for number, file in named}


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
