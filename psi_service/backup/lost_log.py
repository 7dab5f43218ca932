"""What is written into a restored database whose log may have gone on after the backup.

The node signs nothing until the log has been recovered from what the peers keep, and what may have been spent
meanwhile counts as spent.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from psi_core.agreement.agreement import Agreement
from psi_service.clock import instant

CLOCKS = timedelta(minutes=5)
"""What clocks may be apart: a session at a period's edge may have been counted to either."""

_AGREEMENTS = "SELECT hash, note FROM agreements WHERE state = 'in_force'"
_WITHHOLD = (
    "INSERT OR REPLACE INTO withheld_budgets (agreement, match_key, receiver, period, evaluations)"
    " VALUES (?, ?, ?, ?, ?)"
)
_MARK = "INSERT INTO restorations (restored, made, size) SELECT ?, ?, count(*) FROM log_entries"


def mark_as_lost(database: Path, made: str, now: datetime) -> int:
    """Mark the restored database, `made` being when the backup was; returns how many budget lines are withheld."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_MARK, (instant(now), made))
        count = withhold(connection, now)
        connection.execute("COMMIT")
    return count


def withhold(connection: sqlite3.Connection, now: datetime) -> int:
    """In the open transaction: every budget of the periods around `now` counts as spent; returns how many lines."""
    rows = [
        row
        for text_hash, note in connection.execute(_AGREEMENTS).fetchall()
        for row in _lines(bytes(text_hash), Agreement.unverified(bytes(note)), now)
    ]
    connection.executemany(_WITHHOLD, rows)
    return len(rows)


def _lines(text_hash: bytes, terms: Agreement, now: datetime) -> list[tuple[bytes, str, str, int, int]]:
    periods = {terms.period_at(moment) for moment in (now - CLOCKS, now, now + CLOCKS)}
    return [
        (text_hash, each.match_key, receiver, period, each.evaluations_per_period)
        for period in sorted(periods)
        if period >= 0
        for each in terms.match_keys
        for receiver in terms.learns
    ]
