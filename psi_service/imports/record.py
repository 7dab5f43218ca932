"""The account of each import: a row of the table `imports`, and at its end one log entry of kind `admin`.

The row has the true counts, for the lab's own people. The entry has them rounded up to a power of two, and no
name: entries never carry a set's true size. All functions run inside a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sqlite_utils import Database

from psi_core.log.entry import EntryKind
from psi_service.log.node_log import NodeLog

COUNTS = ("rows", "kept", "refused", "actors", "indicators")

EndState = Literal["done", "refused", "failed"]


def begin(db: Database, name: str, now: str) -> int:
    """Write down that an import runs; returns its id."""
    row = db.conn.execute(
        "INSERT INTO imports (name, state, started) VALUES (?, 'running', ?) RETURNING id", (name, now)
    ).fetchone()
    return int(row[0])


def note_counts(db: Database, import_id: int, counts: Mapping[str, int]) -> None:
    """Write down how far it has come, with the rows that got it there."""
    db.conn.execute(
        "UPDATE imports SET rows = :rows, kept = :kept, refused = :refused, actors = :actors, "
        "indicators = :indicators WHERE id = :id",
        {**counts, "id": import_id},
    )


def end(
    db: Database, log: NodeLog, import_id: int, state: EndState, counts: Mapping[str, int], now: str
) -> None:
    """Write down how it ended, and tell the log. A refusing log keeps an import from ending `done` only."""
    note_counts(db, import_id, counts)
    db.conn.execute("UPDATE imports SET state = ?, finished = ? WHERE id = ?", (state, now, import_id))
    if state == "done" or log.refusal is None:
        rounded = {name: _rounded(counts[name]) for name in COUNTS}
        log.append(db, EntryKind.ADMIN, {"action": "import", "state": state, **rounded})


def broken_off(db: Database) -> dict[int, dict[str, int]]:
    """Imports that a crash left running: id to counts as last written down."""
    rows = db.conn.execute(
        "SELECT id, rows, kept, refused, actors, indicators FROM imports WHERE state = 'running'"
    )
    return {import_id: dict(zip(COUNTS, counts, strict=True)) for import_id, *counts in rows}


def _rounded(count: int) -> int:
    return 1 << (count - 1).bit_length() if count else 0
