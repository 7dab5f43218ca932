"""Indicators whose `expires_at` has come: found by a reader, purged by the writer, some actors at a time.

An actor that has no indicator left goes too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlite_utils import Database

from psi_core.kinds.match_key import MatchKey
from psi_service.clock import instant
from psi_service.retention.elements import (
    ByKind,
    Caches,
    Gone,
    forget_cached,
    forget_elements,
    forget_matches,
    match_keys_in_use,
)
from psi_service.store.wiping import wiped

ACTORS_AT_ONCE = 200
"""Actors in one transaction: a debit waits for no more than these."""

_EXPIRED_ACTORS = """
    SELECT DISTINCT actor FROM indicators WHERE expires_at IS NOT NULL AND expires_at <= ? ORDER BY actor LIMIT ?
"""
_OF_ACTOR = "SELECT kind, fingerprint, expires_at FROM indicators WHERE actor = ? ORDER BY kind"
_PURGE = "DELETE FROM indicators WHERE actor = ? AND expires_at IS NOT NULL AND expires_at <= ?"
_EMPTY = "DELETE FROM actors WHERE id = ? AND NOT EXISTS (SELECT 1 FROM indicators WHERE actor = actors.id)"


def expired_actors(db: Database, now: datetime) -> list[int]:
    """Row ids of at most 200 actors that have an expired indicator; a read of the whole index."""
    return [actor for (actor,) in db.conn.execute(_EXPIRED_ACTORS, (instant(now), ACTORS_AT_ONCE))]


def purge_expired(
    db: Database, actors: Sequence[int], consortium_key: bytes, now: datetime, caches: Sequence[Caches]
) -> int:
    """Purge the expired indicators of `actors`, in the open transaction; returns how many there were."""
    match_keys, moment = match_keys_in_use(db), instant(now)
    gone: Gone = {}
    with wiped(db):
        purged = sum(_purge(db, actor, match_keys, consortium_key, moment, gone) for actor in actors)
    forget_cached(db, gone, caches)
    return purged


def fingerprints_of(db: Database, actor: int, after: str = "") -> ByKind:
    """An actor's fingerprints by kind; only those that expire after `after` (RFC 3339), or never."""
    rows = db.conn.execute(_OF_ACTOR, (actor,)).fetchall()
    return {
        kind: [bytes(fingerprint) for _, fingerprint, expires in found if expires is None or expires > after]
        for kind, found in groupby(rows, key=itemgetter(0))
    }


def _purge(db: Database, actor: int, match_keys: Sequence[MatchKey], key: bytes, now: str, gone: Gone) -> int:
    before, after = fingerprints_of(db, actor), fingerprints_of(db, actor, now)
    forget_elements(db, match_keys, key, before, after, gone)
    forget_matches(db, match_keys, key, actor, after)
    purged = db.conn.execute(_PURGE, (actor, now)).rowcount
    db.conn.execute(_EMPTY, (actor,))
    return purged
