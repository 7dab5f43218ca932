"""Writing what an import read: straight into the tables, or through the side table of a strict import.

A known indicator (same actor, kind and fingerprint) is widened: it was first seen at the earlier of both times
and last at the later; confidence, TLP, words and expiry are taken from the later row where it has them. All
functions run inside a transaction and use executemany: sqlite-utils' upsert_all costs five times as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from sqlite_utils import Database

T = TypeVar("T")
Rows = Iterable[tuple[Any, ...]]
"""Tuples in the order of IndicatorRow's fields."""

ROWS_PER_TRANSACTION = 5000
"""At most so many rows are written at once: a debit waits for no more than these."""

_COLUMNS = "kind, fingerprint, derived, first_seen, last_seen, confidence, tlp, severity, campaign, label, expires_at"
_WIDEN = """
    ON CONFLICT (actor, kind, fingerprint) DO UPDATE SET
        derived = min(derived, excluded.derived),
        first_seen = min(coalesce(first_seen, excluded.first_seen), coalesce(excluded.first_seen, first_seen)),
        last_seen = max(coalesce(last_seen, excluded.last_seen), coalesce(excluded.last_seen, last_seen)),
        confidence = coalesce(excluded.confidence, confidence),
        tlp = coalesce(excluded.tlp, tlp),
        severity = coalesce(excluded.severity, severity),
        campaign = coalesce(excluded.campaign, campaign),
        label = coalesce(excluded.label, label),
        expires_at = coalesce(excluded.expires_at, expires_at)
"""
_KEEP_ACTOR = """
    INSERT INTO actors (lookup, reference, created) VALUES (?, ?, ?) ON CONFLICT (lookup) DO NOTHING
"""
_KEEP = f"""
    INSERT INTO indicators (actor, {_COLUMNS})
    VALUES ((SELECT id FROM actors WHERE lookup = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) {_WIDEN}
"""  # noqa: S608 -- joined from the constants above alone
_STAGE = """
    INSERT INTO staged_indicators (import, reference, lookup, kind, fingerprint, derived,
        first_seen, last_seen, confidence, tlp, severity, campaign, label, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# A SELECT needs its WHERE here, or SQLite would read ON CONFLICT as part of a join.
_MOVE_ACTORS = """
    INSERT INTO actors (lookup, reference, created)
    SELECT lookup, reference, ? FROM staged_indicators WHERE import = ? GROUP BY lookup
    ON CONFLICT (lookup) DO NOTHING
"""
_MOVE = f"""
    INSERT INTO indicators (actor, {_COLUMNS})
    SELECT actors.id, {_COLUMNS} FROM staged_indicators JOIN actors USING (lookup)
    WHERE import = ? ORDER BY staged_indicators.rowid {_WIDEN}
"""  # noqa: S608 -- joined from the constants above alone
_DISCARD = """
    DELETE FROM staged_indicators WHERE rowid IN (SELECT rowid FROM staged_indicators WHERE import = ? LIMIT ?)
"""


def keep(db: Database, actors: Mapping[bytes, bytes], rows: Rows, now: str) -> int:
    """Add or widen indicators; `actors` (lookup to sealed reference) holds those that may be new.

    Returns how many actors are new. `now` is when they were made known.
    """
    before = db.conn.total_changes
    db.conn.executemany(_KEEP_ACTOR, ((lookup, sealed, now) for lookup, sealed in actors.items()))
    new = db.conn.total_changes - before
    db.conn.executemany(_KEEP, rows)
    return new


def stage(db: Database, import_id: int, actors: Mapping[bytes, bytes], rows: Rows) -> None:
    """Put rows of a strict import aside. `actors` holds the sealed reference of every row."""
    db.conn.executemany(_STAGE, ((import_id, actors[row[0]], *row) for row in rows))


def move_staged(db: Database, import_id: int, now: str) -> int:
    """Keep everything that a strict import put aside, in one go; returns how many actors are new."""
    before = db.conn.total_changes
    db.conn.execute(_MOVE_ACTORS, (now, import_id))
    new = db.conn.total_changes - before
    db.conn.execute(_MOVE, (import_id,))
    return new


def discard_staged(db: Database, import_id: int) -> bool:
    """Delete up to 5,000 rows that an import put aside; returns whether there may be more."""
    return db.conn.execute(_DISCARD, (import_id, ROWS_PER_TRANSACTION)).rowcount == ROWS_PER_TRANSACTION


def slices(rows: Iterable[T], actors: int) -> Iterator[list[T]]:
    """Cut rows so that each transaction writes at most 5,000, the first with `actors` actors beside them."""
    left = iter(rows)
    yield list(islice(left, ROWS_PER_TRANSACTION - actors))
    while more := list(islice(left, ROWS_PER_TRANSACTION)):
        yield more
