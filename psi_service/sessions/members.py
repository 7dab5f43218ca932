"""The members: elements of a match key's set towards one peer, and the salts that they keep."""

from __future__ import annotations

from dataclasses import dataclass

import sqlite_utils

from psi_core.session.packed import Packed
from psi_core.session.snapshot import SALT_BYTES, Members
from psi_service.sessions.member_pages import change_pages, read_pages

Dummy = tuple[bytes, bytes]
"""A dummy (32 bytes) and its 16-byte salt."""

_DRAW = "INSERT INTO dummies (peer, match_key, dummy, salt) VALUES (?, ?, ?, ?)"
_DROP = "DELETE FROM dummies WHERE peer = ? AND match_key = ? AND dummy = ?"
_SPARE = "UPDATE dummies SET spare = 1 WHERE peer = ? AND match_key = ? AND dummy = ?"
_USE_ALL = "UPDATE dummies SET spare = 0 WHERE peer = ? AND match_key = ? AND spare = 1"
_DUMMIES = "SELECT dummy, salt FROM dummies WHERE peer = ? AND match_key = ? AND spare = ? ORDER BY dummy"


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

    entered, salts: what came, and its salts; the first `true` are no dummies. left: elements that are in the set no
    longer. spare: dummies that are in no set now but keep their salts; dropped: those that do not.
    """

    entered: Packed
    salts: Packed
    true: int
    left: Packed
    spare: tuple[bytes, ...] = ()
    dropped: tuple[bytes, ...] = ()


def known_members(db: sqlite_utils.Database, peer: str, match_key: str) -> Known:
    """What the set of one match key towards one peer has of salts."""
    elements, salts = read_pages(db, peer, match_key)
    return Known(elements, salts, tuple(_dummies(db, peer, match_key, 0) + _dummies(db, peer, match_key, 1)))


def current_members(db: sqlite_utils.Database, peer: str, match_key: str) -> Members:
    """The set of one match key towards one peer as it was last frozen."""
    elements, salts = read_pages(db, peer, match_key)
    dummies = _dummies(db, peer, match_key, 0)
    return Members(
        elements + Packed.of(dummy for dummy, _ in dummies),
        salts + Packed.of((salt for _, salt in dummies), SALT_BYTES),
        len(elements),
    )


def true_members(db: sqlite_utils.Database, peer: str, match_key: str) -> Packed:
    """The elements of one match key's set towards one peer, ascending, without dummies."""
    return read_pages(db, peer, match_key)[0]


def enter(db: sqlite_utils.Database, peer: str, match_key: str, changes: Changes) -> None:
    """Write the salts of what entered a set and forget those of what left, in the current transaction."""
    name, true = (peer, match_key), changes.true
    change_pages(db, peer, match_key, (changes.entered[:true], changes.salts[:true]), changes.left)
    db.conn.executemany(_DROP, ((*name, each) for each in changes.dropped))
    db.execute(_USE_ALL, name)
    db.conn.executemany(_SPARE, ((*name, each) for each in changes.spare))
    drawn = zip(changes.entered[true:], changes.salts[true:], strict=True)
    db.conn.executemany(_DRAW, ((*name, each, salt) for each, salt in drawn))


def _dummies(db: sqlite_utils.Database, peer: str, match_key: str, spare: int) -> list[Dummy]:
    """Those of the set, or the spare ones, ascending."""
    return db.execute(_DUMMIES, (peer, match_key, spare)).fetchall()
