"""The table of members: elements of a match key's set towards one peer, and the salts that they keep."""

from __future__ import annotations

from dataclasses import dataclass

import sqlite_utils

from psi_core.session.packed import Packed
from psi_core.session.snapshot import SALT_BYTES, Members

Dummy = tuple[bytes, bytes]
"""A dummy (32 bytes) and its 16-byte salt."""

_ROWS = 8192
_ENTER = """
INSERT INTO members (peer, match_key, fingerprint, salt, dummy)
WITH RECURSIVE place (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM place WHERE at + 1 < :count)
SELECT :peer, :match_key, substr(:elements, 32 * at + 1, 32), substr(:salts, 16 * at + 1, 16), at >= :true FROM place
"""
"""Rows cut out of two buffers by SQLite: three times as fast as rows that Python hands over one by one."""


@dataclass(frozen=True, repr=False)
class Known:
    """What keeps its salt. elements and salts: the fingerprints that were frozen last, ascending.

    dummies: those of the frozen set, ascending, then the spare ones.
    """

    elements: Packed
    salts: Packed
    dummies: tuple[Dummy, ...]


@dataclass(frozen=True, repr=False)
class Changes:
    """What freezing changed.

    entered, salts: what came, and its salts; the first `true` are no dummies. left: what is in the set no longer.
    spare: dummies that are in no set now but keep their salts.
    """

    entered: Packed
    salts: Packed
    true: int
    left: Packed
    spare: tuple[bytes, ...]


def known_members(db: sqlite_utils.Database, peer: str, match_key: str) -> Known:
    """What the set of one match key towards one peer has of salts."""
    elements, salts = _read(db, peer, match_key, "dummy = 0")
    dummies = [
        each
        for spare in (0, 1)
        for each in zip(*_read(db, peer, match_key, f"dummy = 1 AND spare = {spare}"), strict=True)
    ]
    return Known(elements, salts, tuple(dummies))


def current_members(db: sqlite_utils.Database, peer: str, match_key: str) -> Members:
    """The set of one match key towards one peer as it was last frozen."""
    elements, salts = _read(db, peer, match_key, "dummy = 0")
    dummies, their_salts = _read(db, peer, match_key, "dummy = 1 AND spare = 0")
    return Members(elements + dummies, salts + their_salts, len(elements))


def true_members(db: sqlite_utils.Database, peer: str, match_key: str) -> Packed:
    """The elements of one match key's set towards one peer, ascending, without dummies."""
    return _read(db, peer, match_key, "dummy = 0")[0]


def enter(db: sqlite_utils.Database, peer: str, match_key: str, changes: Changes) -> None:
    """Write the salts of what entered a set and forget those of what left, in the current transaction."""
    name = (peer, match_key)
    db.conn.executemany(
        "DELETE FROM members WHERE peer = ? AND match_key = ? AND fingerprint = ?",
        ((*name, element) for element in changes.left),
    )
    db.execute("UPDATE members SET spare = 0 WHERE peer = ? AND match_key = ? AND spare = 1", name)
    db.conn.executemany(
        "UPDATE members SET spare = 1 WHERE peer = ? AND match_key = ? AND fingerprint = ?",
        ((*name, element) for element in changes.spare),
    )
    for first in range(0, len(changes.entered), _ROWS):
        part = slice(first, first + _ROWS)
        entered = changes.entered[part]
        values = {
            "peer": peer,
            "match_key": match_key,
            "count": len(entered),
            "elements": entered.buffer,
            "salts": changes.salts[part].buffer,
            "true": changes.true - first,
        }
        db.execute(_ENTER, values)


def _read(db: sqlite_utils.Database, peer: str, match_key: str, which: str) -> tuple[Packed, Packed]:
    """Elements, ascending as the table has them, and their salts."""
    cursor = db.execute(
        f"SELECT fingerprint, salt FROM members WHERE peer = ? AND match_key = ? AND {which} ORDER BY fingerprint",  # noqa: S608 - our own words
        (peer, match_key),
    )
    elements, salts = bytearray(), bytearray()
    while rows := cursor.fetchmany(_ROWS):
        elements += b"".join([element for element, _ in rows])
        salts += b"".join([salt for _, salt in rows])
    return Packed(memoryview(elements)), Packed(memoryview(salts), SALT_BYTES)
