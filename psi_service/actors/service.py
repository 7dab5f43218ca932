"""The lab's own actors, to look at: listed in pages, or one by its reference."""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.errors import InputError, NotFound
from psi_service import sealing
from psi_service.actors.reference import clean_reference, open_reference
from psi_service.actors.views import ActorPage, ActorView, KindCount
from psi_service.store.database import Store

MAX_PAGE = 500

_PAGE = "SELECT id, lookup, reference, created FROM actors WHERE id > ? ORDER BY id LIMIT ?"
_PAGE_OF_KIND = """
    SELECT id, lookup, reference, created FROM actors
    WHERE id > ? AND EXISTS (SELECT 1 FROM indicators WHERE actor = actors.id AND kind = ?) ORDER BY id LIMIT ?
"""
_ONE = "SELECT id, lookup, reference, created FROM actors WHERE lookup = ?"
_KINDS = """
    SELECT kind, count(*), sum(derived), min(first_seen), max(last_seen)
    FROM indicators WHERE actor = ? GROUP BY kind ORDER BY kind
"""


class ActorService:
    """Reads actors; references are unsealed with the data key for display alone."""

    def __init__(self, store: Store, data_key: bytes) -> None:
        self._store = store
        self._data_key = data_key

    async def list(self, *, limit: int = 50, after: int = 0, kind: str | None = None) -> ActorPage:
        """At most `limit` (1 to 500) actors after the position `after` of an earlier page, of one kind if given.

        `total` counts all of them. Raises InputError.
        """
        if not 1 <= limit <= MAX_PAGE or after < 0:
            raise InputError(f"a page has 1 to {MAX_PAGE} actors, and begins where another one ended")
        return await self._store.query(lambda db: self._page(db, limit, after, kind))

    async def show(self, reference: str) -> ActorView:
        """One actor by its reference. Raises NotFound, InputError for what cannot be a reference."""
        lookup = sealing.lookup(self._data_key, clean_reference(reference))

        def find(db: Database) -> ActorView:
            row = db.conn.execute(_ONE, (lookup,)).fetchone()
            if row is None:
                raise NotFound(
                    "there is no actor of this reference: references are compared as they were imported"
                )
            return self._view(db, row)

        return await self._store.query(find)

    def _page(self, db: Database, limit: int, after: int, kind: str | None) -> ActorPage:
        # One more than asked for tells whether there is a next page.
        if kind is None:
            rows = db.conn.execute(_PAGE, (after, limit + 1)).fetchall()
            total = db.conn.execute("SELECT count(*) FROM actors").fetchone()[0]
        else:
            rows = db.conn.execute(_PAGE_OF_KIND, (after, kind, limit + 1)).fetchall()
            total = db.conn.execute(
                "SELECT count(DISTINCT actor) FROM indicators WHERE kind = ?", (kind,)
            ).fetchone()[0]
        actors = tuple(self._view(db, row) for row in rows[:limit])
        return ActorPage(actors=actors, total=total, next=rows[limit - 1][0] if len(rows) > limit else None)

    def _view(self, db: Database, row: tuple[int, bytes, bytes, str]) -> ActorView:
        actor, lookup, sealed, created = row
        kinds = db.conn.execute(_KINDS, (actor,)).fetchall()
        return ActorView(
            reference=open_reference(self._data_key, lookup, sealed),
            created=created,
            kinds=tuple(
                KindCount(kind=kind, count=count, derived=derived) for kind, count, derived, _, _ in kinds
            ),
            indicators=sum(count for _, count, *_ in kinds),
            first_seen=min((first for *_, first, _ in kinds if first is not None), default=None),
            last_seen=max((last for *_, last in kinds if last is not None), default=None),
        )
