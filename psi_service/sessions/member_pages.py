"""The pages of members: a set's elements towards one peer and their salts, some hundreds in each row of the table.

A set is read at every freeze, whole; of what changes, only the pages that it falls on are written again. An element
belongs to the last page whose `first` it reaches. That is the page's first element, so that one that is gone names no
page; the first page of a set has an empty one, and stays.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

import sqlite_utils

from psi_core.session.packed import NOWHERE, Packed, find, gather, order
from psi_core.session.snapshot import SALT_BYTES
from psi_service.store.wiping import wiped

_PAGE = 256
"""Elements of a new page; it is cut once it has more than twice as many. An element that goes costs one page."""

_OF_SET = "FROM member_pages WHERE peer = ? AND match_key = ?"
_ELEMENTS = f"SELECT elements {_OF_SET} ORDER BY first"
_SALTS = f"SELECT salts {_OF_SET} ORDER BY first"
_FIRSTS = f"SELECT first {_OF_SET} ORDER BY first"
_READ_ONE = f"SELECT elements, salts {_OF_SET} AND first = ?"
_FIND_ONE = f"SELECT elements, salts, first {_OF_SET} AND first <= ? ORDER BY first DESC LIMIT 1"
_WRITE = (
    "INSERT OR REPLACE INTO member_pages (peer, match_key, first, elements, salts) VALUES (?, ?, ?, ?, ?)"
)
_REMOVE = f"DELETE {_OF_SET} AND first = ?"

Pages = tuple[Packed, Packed]
"""Elements (32 bytes each), ascending, and their salts (16 bytes each)."""


def read_pages(db: sqlite_utils.Database, peer: str, match_key: str) -> Pages:
    """All elements of a set, and their salts; none for a set that was never frozen."""
    # One after the other: each is in memory twice while it is joined.
    elements = b"".join([column for (column,) in db.execute(_ELEMENTS, (peer, match_key))])
    return Packed(elements), Packed(
        b"".join([column for (column,) in db.execute(_SALTS, (peer, match_key))]), SALT_BYTES
    )


def change_pages(
    db: sqlite_utils.Database, peer: str, match_key: str, entered: Pages, left: Sequence[bytes]
) -> None:
    """Put in what entered the set (ascending), and take out what left it, in the current transaction."""
    gone = Packed.of(sorted(left))
    if not len(entered[0]) and not len(gone):
        return
    name = (peer, match_key)
    firsts: list[bytes] = [first for (first,) in db.execute(_FIRSTS, name)] or [b""]
    touched = sorted(_fallen_on(firsts, entered[0]) | _fallen_on(firsts, gone))
    rows = [row for at in touched for row in db.execute(_READ_ONE, (*name, firsts[at]))]
    held = Packed(b"".join([row[0] for row in rows])), Packed(b"".join([row[1] for row in rows]), SALT_BYTES)
    del rows
    elements, salts = _merged(_without(held, gone), entered)
    ends = [*(bisect_left(elements, firsts[at]) for at in touched[1:]), len(elements)]
    # What stays on a page is purged one day, and must not lie where the page lay before.
    with wiped(db):
        for at, (start, end) in zip(touched, pairwise((0, *ends)), strict=True):
            _write(db, name, firsts[at], (elements[start:end], salts[start:end]))


def forget_members(db: sqlite_utils.Database, peer: str, match_key: str, elements: Iterable[bytes]) -> None:
    """Take these elements (32 bytes each), few, out of a set's pages, in the current transaction."""
    for element in elements:
        for known, salts, first in db.execute(_FIND_ONE, (peer, match_key, element)).fetchall():
            page = Packed(known), Packed(salts, SALT_BYTES)
            less = _without(page, Packed(element))
            if len(less[0]) < len(page[0]):
                _write(db, (peer, match_key), first, less)


def _fallen_on(firsts: Sequence[bytes], elements: Packed) -> set[int]:
    """The places of pages that some of these elements, which ascend, belong to: page by page, for they may be many."""
    if not len(elements):
        return set()
    ends = [*(bisect_left(elements, first) for first in firsts[1:]), len(elements)]
    return {at for at, (start, end) in enumerate(pairwise((0, *ends))) if start < end}


def _without(held: Pages, left: Packed) -> Pages:
    """The pages without what left. Cut out piece by piece: most stays."""
    gone = sorted(place for place in find(left, held[0]) if place != NOWHERE)
    if not gone:
        return held
    pieces = [(before + 1, place) for before, place in pairwise((-1, *gone, len(held[0])))]
    elements, salts = (
        Packed(b"".join([rows[start:end].buffer for start, end in pieces]), rows.width) for rows in held
    )
    return elements, salts


def _merged(held: Pages, entered: Pages) -> Pages:
    """Both together, ascending: both ascend."""
    if not len(held[0]) or not len(entered[0]):
        return entered if not len(held[0]) else held
    elements, salts = held[0] + entered[0], held[1] + entered[1]
    places = order(elements)
    return gather(elements, places), gather(salts, places)


def _write(db: sqlite_utils.Database, name: tuple[str, str], first: bytes, page: Pages) -> None:
    """Write the page that was named `first` again, or as many as its elements fill; none where nothing is left."""
    count = len(page[0])
    if first and (not count or page[0][0] != first):
        db.execute(_REMOVE, (*name, first))
        if not count:
            return
    step = max(count, 1) if count <= 2 * _PAGE else _PAGE
    db.conn.executemany(
        _WRITE,
        (
            (
                *name,
                page[0][start] if start or first else first,
                page[0][start : start + step].buffer,
                page[1][start : start + step].buffer,
            )
            for start in range(0, max(count, 1), step)
        ),
    )
