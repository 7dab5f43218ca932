"""What a session matched, written down: only what this lab still holds.

Between freeze and result an indicator may be purged, or an actor erased. What the engine found of it is dropped here,
in the transaction that keeps the result: a purge before it is seen, a purge after it finds the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlite_utils

from psi_core.errors import InvalidMatchKey
from psi_core.kinds.match_key import MatchKey, stored_kinds
from psi_service.sessions.freezing import Frozen

_KEEP = "INSERT INTO session_matches (session_id, match_key, fingerprint, actor) VALUES (?, ?, ?, ?)"
_KEEP_PLAIN = """
    INSERT INTO session_matches (session_id, match_key, fingerprint, actor)
    SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM indicators WHERE actor = ? AND kind = ? AND fingerprint = ?)
"""
_OF_ACTOR = "SELECT kind, fingerprint FROM indicators WHERE actor = ?"

Owned = Iterable[tuple[bytes, int]]
"""Elements (32 bytes each) with an actor (row id) that each stands for."""


def hold_matches(
    db: sqlite_utils.Database, session_id: str, frozen: Frozen, consortium_key: bytes, places: Sequence[int]
) -> None:
    """Write the elements at `places` of the set with those of their actors that still have them.

    Inside the open transaction.
    """
    key, elements = MatchKey.parse(frozen.match_key), frozen.snapshot.elements
    owned = ((elements[place], actor) for place in places for actor in frozen.actors(place))
    if key.joined:
        # Gathered first: both read and write on this connection.
        still = list(_still_joined(db, key, consortium_key, owned))
        db.conn.executemany(_KEEP, ((session_id, key.name, *each) for each in still))
        return
    # Elements of a single kind are the fingerprints themselves.
    kinds = stored_kinds(key.kinds[0])
    db.conn.executemany(
        _KEEP_PLAIN,
        ((session_id, key.name, each, actor, actor, kind, each) for each, actor in owned for kind in kinds),
    )


def _still_joined(
    db: sqlite_utils.Database, key: MatchKey, consortium_key: bytes, owned: Owned
) -> Iterator[tuple[bytes, int]]:
    """Those that the actor's indicators of today still give when they are joined."""
    elements: dict[int, frozenset[bytes] | None] = {}
    for element, actor in owned:
        if actor not in elements:
            elements[actor] = _elements(db, key, consortium_key, actor)
        held = elements[actor]
        if held is None or element in held:
            yield element, actor


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
