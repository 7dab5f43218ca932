"""What goes with an actor's indicators: matches on them, and the salts of their elements in the frozen sets.

An element may be another actor's too. Its salt is dropped all the same; the next freeze draws a new one, and tells
nobody anything by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sqlite_utils import Database

from psi_core.errors import InvalidMatchKey
from psi_core.kinds.match_key import MatchKey
from psi_service.sessions.member_pages import forget_members

ByKind = Mapping[str, Sequence[bytes]]
"""An actor's fingerprints by their kind."""

_MATCH_KEYS = """
    SELECT match_key FROM member_pages UNION SELECT match_key FROM matches UNION SELECT match_key FROM session_matches
"""
_PEERS = "SELECT DISTINCT peer FROM member_pages"
_MATCHED = (
    "SELECT fingerprint FROM matches WHERE actor = :actor AND match_key = :match_key"
    " UNION SELECT fingerprint FROM session_matches WHERE actor = :actor AND match_key = :match_key"
)
_UNMATCH = "DELETE FROM matches WHERE actor = ? AND match_key = ? AND fingerprint = ?"
_UNMATCH_SESSIONS = "DELETE FROM session_matches WHERE actor = ? AND match_key = ? AND fingerprint = ?"

Gone = dict[str, set[bytes]]
"""Elements that are gone, by match key."""


class Caches(Protocol):
    """What engines keep of elements between sessions."""

    def forget(self, db: Database, match_key: str, elements: Sequence[bytes]) -> None:
        """Take these elements (32 bytes each) out of every cache."""
        ...


def match_keys_in_use(db: Database) -> tuple[MatchKey, ...]:
    """Every match key of which the store holds elements or matches."""
    return tuple(MatchKey.parse(name) for (name,) in db.conn.execute(_MATCH_KEYS).fetchall())


def forget_elements(
    db: Database,
    match_keys: Iterable[MatchKey],
    consortium_key: bytes,
    before: ByKind,
    after: ByKind,
    gone_elements: Gone,
) -> None:
    """Drop the salts of the elements that an actor with the fingerprints `before` had, and `after` has not.

    They are added to `gone_elements`, by match key, for the caches (`forget_cached`).
    """
    peers = [peer for (peer,) in db.conn.execute(_PEERS).fetchall()]
    for match_key in match_keys:
        gone = set(_elements(match_key, consortium_key, before) or ())
        gone -= set(_elements(match_key, consortium_key, after) or ())
        for peer in peers:
            forget_members(db, peer, match_key.name, sorted(gone))
        gone_elements.setdefault(match_key.name, set()).update(gone)


def forget_cached(db: Database, gone_elements: Gone, caches: Sequence[Caches]) -> None:
    """Take what is gone out of every cache, in the open transaction."""
    for match_key, elements in gone_elements.items():
        for each in caches:
            each.forget(db, match_key, sorted(elements))


def forget_matches(
    db: Database, match_keys: Iterable[MatchKey], consortium_key: bytes, actor: int, after: ByKind
) -> None:
    """Drop the matches of `actor` (a row id) on elements that it has no longer."""
    for match_key in match_keys:
        left = _elements(match_key, consortium_key, after)
        if left is None:
            continue
        parameters = {"actor": actor, "match_key": match_key.name}
        matched = {bytes(element) for (element,) in db.conn.execute(_MATCHED, parameters)}
        gone = [(actor, match_key.name, element) for element in sorted(matched - set(left))]
        db.conn.executemany(_UNMATCH, gone)
        db.conn.executemany(_UNMATCH_SESSIONS, gone)


def _elements(match_key: MatchKey, consortium_key: bytes, by_kind: ByKind) -> tuple[bytes, ...] | None:
    """None when there are too many combinations to tell."""
    try:
        return match_key.fingerprints(consortium_key, by_kind)
    except InvalidMatchKey:
        return None
