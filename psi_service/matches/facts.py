"""What the store knows about matches, read in four queries however many there are.

Everything is counted per own actor, peer and match key. A match key that was called a false positive stays
one when the same actor and peer match on it again with another value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlite_utils import Database

from psi_core.kinds.labels import Label
from psi_service.matches.peer_labels import read_labels

# Windows, not joins with grouped subqueries: SQLite would scan those against each other, row by row.
_COUNTED = """
    SELECT *, count(*) OVER (PARTITION BY peer, match_key, fingerprint) AS shared,
        max(status = 'false positive') OVER own AS false_positive, max(status = 'confirmed') OVER own AS confirmed
    FROM matches WHERE (:peer IS NULL OR peer = :peer)
        AND (:actor IS NULL OR (peer, match_key, fingerprint) IN (
            SELECT peer, match_key, fingerprint FROM matches WHERE actor = :actor))
    WINDOW own AS (PARTITION BY peer, actor, match_key)
"""
_NEWEST = """
    SELECT peer, session_id, max(rowid) FROM sessions
    WHERE state = 'complete' AND reveal = 'items' AND own_results IS NOT NULL GROUP BY peer
"""
# The indicator of a single kind carries the fingerprint itself; that of a joined one is found by its kinds.
_KEYS = f"""
    WITH m AS ({_COUNTED}), newest AS ({_NEWEST})
    SELECT m.peer, m.actor, m.match_key, count(DISTINCT m.fingerprint), min(m.shared),
        m.false_positive, m.confirmed, max(m.first_session = coalesce(:session, newest.session_id)),
        min(i.first_seen), max(i.last_seen), group_concat(DISTINCT i.tlp)
    FROM m
    LEFT JOIN newest ON newest.peer = m.peer
    LEFT JOIN indicators i ON i.actor = m.actor AND i.fingerprint = m.fingerprint
        AND i.kind IN (m.match_key, iif(m.match_key = 'ip', 'ipv4', NULL), iif(m.match_key = 'ip', 'ipv6', NULL))
    WHERE (:actor IS NULL OR m.actor = :actor)
        AND (:session IS NULL OR EXISTS (
            SELECT 1 FROM session_matches s JOIN sessions USING (session_id)
            WHERE s.session_id = :session AND sessions.state = 'complete' AND sessions.peer = m.peer
                AND s.match_key = m.match_key AND s.fingerprint = m.fingerprint AND s.actor = m.actor))
    GROUP BY m.peer, m.actor, m.match_key ORDER BY m.peer, m.actor, m.match_key
"""  # noqa: S608 -- joined from the constants above alone
_KINDS = """
    SELECT actor, kind, count(*), min(first_seen), max(last_seen), group_concat(DISTINCT tlp) FROM indicators
    WHERE actor IN (SELECT actor FROM matches
                    WHERE (:peer IS NULL OR peer = :peer) AND (:actor IS NULL OR actor = :actor))
    GROUP BY actor, kind
"""
_COMPARED = """
    SELECT DISTINCT sessions.peer, match_key FROM session_lanes JOIN sessions USING (session_id)
    WHERE state = 'complete' AND reveal = 'items' AND matched IS NOT NULL
"""
_ACTORS = """
    SELECT id, lookup, reference FROM actors
    WHERE id IN (SELECT actor FROM matches
                 WHERE (:peer IS NULL OR peer = :peer) AND (:actor IS NULL OR actor = :actor))
"""
_SAID = """
    SELECT peer, actor, match_key FROM matches GROUP BY peer, actor, match_key
    HAVING NOT max(status = 'false positive')
"""
_MATRIX = f"SELECT peer, match_key, count(*) FROM ({_SAID}) GROUP BY peer, match_key"  # noqa: S608 -- constants
_ACTORS_OF_PEERS = f"SELECT peer, count(DISTINCT actor) FROM ({_SAID}) GROUP BY peer"  # noqa: S608 -- constants


@dataclass(frozen=True, slots=True)
class Scope:
    """Which matches: of one peer, of one own actor (its row id), of one completed session; None is all."""

    peer: str | None = None
    actor: int | None = None
    session: str | None = None

    def parameters(self) -> dict[str, str | int | None]:
        """For the queries above."""
        return {"peer": self.peer, "actor": self.actor, "session": self.session}


@dataclass(frozen=True, slots=True)
class Seen:
    """When indicators were seen, and their TLP markings."""

    first: str | None = None
    last: str | None = None
    tlp: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KindFacts:
    """All indicators of one kind of one actor."""

    count: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One match key of one own actor and peer. `seen` is empty where the match key is joined."""

    peer: str
    actor: int
    match_key: str
    matched: int
    shared: int
    false_positive: bool
    confirmed: bool
    new: bool
    seen: Seen
    labels: tuple[Label, ...] = field(default=(), repr=False)
    """What the peer says of the matched elements."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that rows are made of.

    `compared`: per peer the match keys of sessions in which this lab learned. `sealed`: per actor its lookup
    and sealed reference.
    """

    keys: tuple[KeyFacts, ...]
    kinds: dict[int, dict[str, KindFacts]]
    compared: dict[str, frozenset[str]]
    sealed: dict[int, tuple[bytes, bytes]] = field(repr=False)


def read_facts(db: Database, scope: Scope, data_key: bytes) -> Facts:
    """Read what is known within `scope`, on the caller's view of the data; `data_key` opens peers' labels."""
    parameters = scope.parameters()
    labels: dict[tuple[str, int, str], list[Label]] = {}
    for name, label in read_labels(db, data_key, scope.peer, scope.actor):
        labels.setdefault(name, []).append(label)
    kinds: dict[int, dict[str, KindFacts]] = {}
    for actor, kind, count, *seen in db.conn.execute(_KINDS, parameters):
        kinds.setdefault(actor, {})[kind] = KindFacts(count, _seen(*seen))
    compared: dict[str, set[str]] = {}
    for peer, match_key in db.conn.execute(_COMPARED):
        compared.setdefault(peer, set()).add(match_key)
    return Facts(
        keys=tuple(
            replace(key, labels=tuple(labels.get((key.peer, key.actor, key.match_key), ())))
            for key in _keys(db, parameters)
        ),
        kinds=kinds,
        compared={peer: frozenset(match_keys) for peer, match_keys in compared.items()},
        sealed={actor: (lookup, sealed) for actor, lookup, sealed in db.conn.execute(_ACTORS, parameters)},
    )


def read_matrix(db: Database) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Per peer, own actors per match key; and per peer, own actors in all. Without false positives."""
    cells: dict[str, dict[str, int]] = {}
    for peer, match_key, actors in db.conn.execute(_MATRIX):
        cells.setdefault(peer, {})[match_key] = actors
    return cells, dict(db.conn.execute(_ACTORS_OF_PEERS).fetchall())


def _keys(db: Database, parameters: dict[str, str | int | None]) -> Iterator[KeyFacts]:
    for row in db.conn.execute(_KEYS, parameters):
        peer, actor, match_key, matched, shared, false_positive, confirmed, new, *seen = row
        yield KeyFacts(
            peer=peer,
            actor=actor,
            match_key=match_key,
            matched=matched,
            shared=shared,
            false_positive=bool(false_positive),
            confirmed=bool(confirmed),
            new=bool(new),
            seen=_seen(*seen),
        )


def _seen(first: str | None, last: str | None, tlp: str | None) -> Seen:
    return Seen(first, last, frozenset(tlp.split(",")) if tlp else frozenset())
