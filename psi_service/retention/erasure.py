"""One actor, erased: everything that the store holds of it, and what it would be found by again."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field
from sqlite_utils import Database

from psi_service.actors.views import KindCount
from psi_service.retention.elements import (
    Caches,
    Gone,
    forget_cached,
    forget_elements,
    match_keys_in_use,
)
from psi_service.retention.expiry import fingerprints_of
from psi_service.store.wiping import wiped

_KINDS = "SELECT kind, count(*), sum(derived) FROM indicators WHERE actor = ? GROUP BY kind ORDER BY kind"
_MATCHES = "SELECT count(*) FROM matches WHERE actor = ?"
_PEERS = "SELECT DISTINCT peer FROM matches WHERE actor = ? ORDER BY peer"
_ERASED = (
    "INSERT INTO erased_actors (lookup, erased) SELECT lookup, ? FROM actors WHERE id = ?"
    " ON CONFLICT (lookup) DO UPDATE SET erased = excluded.erased"
)
_STAGED = "DELETE FROM staged_indicators WHERE lookup = (SELECT lookup FROM actors WHERE id = ?)"


class Erasure(BaseModel):
    """What goes, or has gone, with an actor."""

    model_config = ConfigDict(frozen=True)

    reference: str = Field(repr=False)
    kinds: tuple[KindCount, ...] = Field(description="Its indicators, by kind.")
    matches: int = Field(description="Matches on them, of all peers.")
    peers: tuple[str, ...] = Field(description="The peers that these were found with.")
    erased: bool = Field(description="False: this is a preview.")


def preview(db: Database, actor: int, reference: str, *, erased: bool = False) -> Erasure:
    """What would go with the actor of this row id."""
    kinds = db.conn.execute(_KINDS, (actor,)).fetchall()
    return Erasure(
        reference=reference,
        kinds=tuple(KindCount(kind=kind, count=count, derived=derived) for kind, count, derived in kinds),
        matches=db.conn.execute(_MATCHES, (actor,)).fetchone()[0],
        peers=tuple(peer for (peer,) in db.conn.execute(_PEERS, (actor,))),
        erased=erased,
    )


def erase(db: Database, actor: int, consortium_key: bytes, now: str, caches: Sequence[Caches]) -> None:
    """Erase it, in the open transaction; `now` (RFC 3339) keeps older backups from bringing it back."""
    with wiped(db):
        gone: Gone = {}
        forget_elements(db, match_keys_in_use(db), consortium_key, fingerprints_of(db, actor), {}, gone)
        forget_cached(db, gone, caches)
        db.conn.execute(_ERASED, (now, actor))
        db.conn.execute(_STAGED, (actor,))
        # Its indicators, matches and session matches go with it (ON DELETE CASCADE).
        db.conn.execute("DELETE FROM actors WHERE id = ?", (actor,))
