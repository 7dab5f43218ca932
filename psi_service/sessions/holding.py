"""What a session matched, written down: only what this lab still holds.

Between freeze and result an indicator may be purged, or an actor erased. What the engine found of it is dropped here,
in the transaction that keeps the result: a purge before it is seen, a purge after it finds the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlite_utils

from psi_core.errors import InvalidMatchKey
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_service.sessions.freezing import Frozen

_KEEP = (
    "INSERT INTO session_matches (session_id, match_key, fingerprint, actor, label) VALUES (?, ?, ?, ?, ?)"
)
_KEEP_PLAIN = """
    INSERT INTO session_matches (session_id, match_key, fingerprint, actor, label)
    SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM indicators WHERE actor = ? AND kind = ? AND fingerprint = ?)
"""
_OF_ACTOR = "SELECT kind, fingerprint FROM indicators WHERE actor = ?"

Owned = Iterable[tuple[bytes, int, bytes | None]]
"""Elements (32 bytes each), an actor (row id) that each stands for, and what the peer says of it, sealed."""


@dataclass(frozen=True)
class Matched:
    """What one lane of a session matched: places in the frozen set, and the peer's sealed labels by place."""

    session_id: str
    frozen: Frozen
    places: Sequence[int] = field(repr=False)
    labels: Mapping[int, bytes] = field(repr=False)

    def owned(self) -> Owned:
        """Each element with each of its actors."""
        elements = self.frozen.snapshot.elements
        return (
            (elements[place], actor, self.labels.get(place))
            for place in self.places
            for actor in self.frozen.actors(place)
        )


def hold_matches(db: sqlite_utils.Database, matched: Matched, consortium_key: bytes) -> None:
    """Write the matched elements with those of their actors that still have them.

    Inside the open transaction.
    """
    key, owned = MatchKey.parse(matched.frozen.match_key), matched.owned()
    session_id = matched.session_id
    if key.joined:
        # Gathered first: both read and write on this connection.
        still = list(_still_joined(db, key, consortium_key, owned))
        db.conn.executemany(_KEEP, ((session_id, key.name, *each) for each in still))
        return
    # Elements of a single kind are the fingerprints themselves.
    kinds = stored_kinds(key.kinds[0])
    db.conn.executemany(
        _KEEP_PLAIN,
        (
            (session_id, key.name, each, actor, label, actor, kind, each)
            for each, actor, label in owned
            for kind in kinds
        ),
    )


def _still_joined(db: sqlite_utils.Database, key: MatchKey, consortium_key: bytes, owned: Owned) -> Owned:
    """Those that the actor's indicators of today still give when they are joined."""
    elements: dict[int, frozenset[bytes] | None] = {}
    for element, actor, label in owned:
        if actor not in elements:
            elements[actor] = _elements(db, key, consortium_key, actor)
        held = elements[actor]
        if held is None or element in held:
            yield element, actor, label


def _elements(
    db: sqlite_utils.Database, key: MatchKey, consortium_key: bytes, actor: int
) -> frozenset[bytes] | None:
    """None when the actor has too many combinations by now to tell."""
    by_kind: dict[str, list[bytes]] = {}
    for kind, fingerprint in db.execute(_OF_ACTOR, (actor,)).fetchall():
        by_kind.setdefault(kind, []).append(fingerprint)
    try:
        return frozenset(key.fingerprints(consortium_key, by_kind))
    except InvalidMatchKey:
        return None
