"""What this lab says of the elements of a frozen set: read from its indicators, written in one width each.

An element of a single kind is said what the indicators of its actors say together. An element of a joined match key is
said what all indicators of the key's kinds say, of all its actors: nothing in the store tells which of them it joins.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlite_utils

from psi_core.kinds.labels import WITHHELD, Label, encode, label_size, merged
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_core.session.packed import NOWHERE, Packed, find
from psi_service.actors.words import WORDS, open_word
from psi_service.sessions.owned import ROWS, Owned

_ATTRIBUTES = ("first_seen", "last_seen", "confidence", "tlp", *WORDS)
_READ = f"""
    SELECT actor, fingerprint, lookup, {", ".join(_ATTRIBUTES)} FROM indicators JOIN actors ON actors.id = actor
    WHERE (expires_at IS NULL OR expires_at > ?) AND kind IN
"""  # noqa: S608 -- the names of our own columns


@dataclass(frozen=True)
class Labelling:
    """Which fields are said, in their order, and the key that opens what the store keeps sealed."""

    fields: tuple[str, ...]
    data_key: bytes = field(repr=False)

    def labels(self, db: sqlite_utils.Database, key: MatchKey, owned: Owned, now: str) -> Packed:
        """One label for each element, in the elements' order; zeros where nothing is said.

        Expired indicators say nothing, and neither do those marked amber+strict or red.
        """
        width = label_size(self.fields)
        found = bytearray(width * len(owned.elements))
        said = self._by_actor(db, key, now) if key.joined else self._by_element(db, key, owned, now)
        for place, labels in said if not key.joined else _of_joined(owned, dict(said)):
            found[place * width : (place + 1) * width] = encode(self.fields, merged(labels))
        return Packed(bytes(found), width)

    def _by_element(
        self, db: sqlite_utils.Database, key: MatchKey, owned: Owned, now: str
    ) -> Iterator[tuple[int, list[Label]]]:
        """Places of elements with what is said of them; those of one actor at once, so that few are held."""
        shared: defaultdict[int, list[Label]] = defaultdict(list)
        for rows in self._rows(db, key, now):
            places: array[int] = find(Packed.of(row[1] for row in rows), owned.elements)
            for place, row in zip(places, rows, strict=True):
                if place != NOWHERE and (label := self._label(row)):
                    if owned.shared(place):
                        shared[place].append(label)
                    else:
                        yield place, [label]
        yield from shared.items()

    def _by_actor(
        self, db: sqlite_utils.Database, key: MatchKey, now: str
    ) -> Iterator[tuple[int, list[Label]]]:
        said: defaultdict[int, list[Label]] = defaultdict(list)
        for rows in self._rows(db, key, now):
            for row in rows:
                if label := self._label(row):
                    said[row[0]].append(label)
        yield from said.items()

    def _rows(self, db: sqlite_utils.Database, key: MatchKey, now: str) -> Iterator[list[Any]]:
        kinds = [kind for named in key.kinds for kind in stored_kinds(named)]
        cursor = db.execute(f"{_READ} ({', '.join('?' * len(kinds))})", (now, *kinds))
        while rows := cursor.fetchmany(ROWS):
            yield rows

    def _label(self, row: tuple[Any, ...]) -> Label:
        """What one indicator says of the granted fields; nothing where its marking forbids to pass it on."""
        _, _, lookup, *values = row
        given = dict(zip(_ATTRIBUTES, values, strict=True))
        if given["tlp"] in WITHHELD:
            return {}
        return {
            name: open_word(self.data_key, name, lookup, given[name]) if name in WORDS else given[name]
            for name in self.fields
            if given[name] is not None
        }


def _of_joined(owned: Owned, said: dict[int, list[Label]]) -> Iterator[tuple[int, list[Label]]]:
    for place in range(len(owned.elements)):
        labels = [label for actor in owned.actors_at(place) for label in said.get(actor, ())]
        if labels:
            yield place, labels
