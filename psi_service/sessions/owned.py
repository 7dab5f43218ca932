"""The elements of a match key's set, read from the indicators, with the actors that each stands for."""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlite_utils

from psi_core import native_core
from psi_core.errors import InvalidMatchKey, StoreError
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_core.native_core import HASH
from psi_core.session.packed import Packed

ACTOR_BYTES = 8
ROWS = 8192
"""So many rows are read at a time: few enough that their Python objects stay in the processor's cache."""
_ACTORS = 16384
"""Row ids of actors whose elements are read at a time."""
_NEXT = "SELECT min(actor) FROM indicators WHERE kind = ? AND actor >= ?"
_COLUMNS = """
SELECT CAST(group_concat(fingerprint, '') AS BLOB), group_concat(actor, ' ')
FROM indicators WHERE kind = ? AND actor >= ? AND actor < ? AND (expires_at IS NULL OR expires_at > ?)
"""
"""Columns that SQLite puts together: no Python object a row, and no row that waits for the interpreter."""
_TRIED = bytes(range(256))
_TRIAL = """
SELECT CAST(group_concat(part, '') AS BLOB)
FROM (SELECT substr(:tried, 1, 100) AS part UNION ALL SELECT substr(:tried, 101))
"""


@dataclass(frozen=True, repr=False)
class Owned:
    """Elements (32 bytes each), ascending and distinct, with their actors.

    ends: for each element where its actors end (u32 each); actors: row ids, 8 bytes each, big-endian.
    left_out: how many actors had too many combinations for this match key.
    """

    elements: Packed
    ends: memoryview
    actors: Packed
    left_out: int

    def shared(self, place: int) -> bool:
        """Whether the element at this place has several actors."""
        return self.ends[place] - (self.ends[place - 1] if place else 0) > 1

    def actors_at(self, place: int) -> tuple[int, ...]:
        """The actors of the element at this place, ascending."""
        start = self.ends[place - 1] if place else 0
        return tuple(int.from_bytes(each, "big") for each in self.actors[start : self.ends[place]])

    def actors_of(self, element: bytes) -> tuple[int, ...]:
        """The actors of an element; none when it is not in the set."""
        place = bisect_left(self.elements, element)
        if place == len(self.elements) or self.elements[place] != element:
            return ()
        return self.actors_at(place)


def owned_elements(db: sqlite_utils.Database, key: MatchKey, consortium_key: bytes, now: str) -> Owned:
    """The elements of a match key's set, without what had expired by `now` (RFC 3339)."""
    left_out = 0
    if key.joined:
        pairs = bytearray()
        for actor, by_kind in _by_actor(db, key, now):
            try:
                made = key.fingerprints(consortium_key, by_kind)
            except InvalidMatchKey:
                left_out += 1
                continue
            pairs += _pairs((actor, element) for element in made)
    else:
        # Joined once: what grows bit by bit is copied over and over.
        pairs = bytearray().join([part for kind in _kinds(key) for part in _columns(db, kind, now)])
    elements, ends, actors = _grouped(pairs)
    return Owned(elements, memoryview(ends).toreadonly(), actors, left_out)


def _pairs(rows: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join([element + actor.to_bytes(ACTOR_BYTES, "big") for actor, element in rows])


def _columns(db: sqlite_utils.Database, kind: str, now: str) -> Iterator[bytes]:
    """Pairs of one kind's elements and their actors, the actors of a part ascending."""
    # SQLite promises nothing of text with zeros in it, which blobs are to group_concat: hence the trial.
    if db.execute(_TRIAL, {"tried": _TRIED}).fetchone() != (_TRIED,):
        raise StoreError(f"SQLite {sqlite3.sqlite_version} puts blobs together wrong: take another version")
    start = 0
    while (row := db.execute(_NEXT, (kind, start)).fetchone()) != (None,):
        (start,) = row
        end = start + _ACTORS
        elements, actors = db.execute(_COLUMNS, (kind, start, end, now)).fetchone()
        if actors:
            yield _paired(elements, actors)
        start = end


def _paired(elements: bytes, actors: str) -> bytes:
    """Pairs of packed elements and decimal numbers with a space between, as many of one as of the other."""
    if native_core.native is not None:
        return native_core.native.pairs(elements, actors)
    return _pairs(zip(map(int, actors.split(" ")), Packed(elements), strict=True))


def _grouped(pairs: bytearray) -> tuple[Packed, array[int], Packed]:
    """Elements, ends and actors of `Owned`, from pairs in any order, some of them alike."""
    width = HASH + ACTOR_BYTES
    if native_core.native is not None:
        elements, ends, actors = native_core.native.group(pairs)
        return Packed(elements), native_core.numbers(ends), Packed(actors, ACTOR_BYTES)
    by_element: dict[bytes, list[bytes]] = {}
    for pair in sorted(set(Packed(bytes(pairs), width))):
        by_element.setdefault(pair[:HASH], []).append(pair[HASH:])
    counts, total = array("I"), 0
    for each in by_element.values():
        total += len(each)
        counts.append(total)
    return Packed.of(by_element), counts, Packed.of(_flat(by_element.values()), ACTOR_BYTES)


def _flat(lists: Iterable[list[bytes]]) -> Iterator[bytes]:
    return (each for part in lists for each in part)


def _kinds(key: MatchKey) -> list[str]:
    return [kind for named in key.kinds for kind in stored_kinds(named)]


def _by_actor(
    db: sqlite_utils.Database, key: MatchKey, now: str
) -> Iterator[tuple[int, dict[str, list[bytes]]]]:
    kinds = _kinds(key)
    rows: Iterator[Any] = db.execute(
        f"SELECT actor, kind, fingerprint FROM indicators WHERE kind IN ({', '.join('?' * len(kinds))})"  # noqa: S608 - question marks
        " AND (expires_at IS NULL OR expires_at > ?) ORDER BY actor",
        (*kinds, now),
    )
    for actor, found in groupby(rows, key=lambda row: row[0]):
        by_kind: dict[str, list[bytes]] = {}
        for _, kind, fingerprint in found:
            by_kind.setdefault(kind, []).append(fingerprint)
        yield actor, by_kind
