"""Expiry on a timer, erasure on demand. Both are entries of the log: that it was done, by whom, never to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial

from sqlite_utils import Database

from psi_core.errors import NotFound
from psi_core.log.entry import EntryKind
from psi_service import sealing
from psi_service.actors.reference import clean_reference
from psi_service.bundles import keeping as bundles
from psi_service.clock import Clock, instant
from psi_service.log.node_log import NodeLog
from psi_service.retention.elements import Caches
from psi_service.retention.erasure import Erasure, erase, preview
from psi_service.retention.expiry import expired_actors, purge_expired
from psi_service.store.database import Store

CurrentKey = Callable[[], Awaitable[tuple[str, bytes]]]
"""The current consortium key's id and the key; raises NotFound."""

StandingStill = Callable[[], AbstractAsyncContextManager[None]]
"""Waits until no set is being frozen, and lets none be while it lasts."""

_BY_LOOKUP = "SELECT id FROM actors WHERE lookup = ?"


class RetentionService:
    """Purges and erases; `data_key` finds actors, the consortium key their joined elements."""

    def __init__(
        self,
        store: Store,
        log: NodeLog,
        clock: Clock,
        *,
        data_key: bytes,
        current_key: CurrentKey,
        caches: Sequence[Caches],
        standing_still: StandingStill,
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._data_key = data_key
        self._current_key = current_key
        self._caches = tuple(caches)
        self._standing_still = standing_still

    async def expire(self) -> int:
        """Purge every indicator whose time has come, and what was made of it; returns how many there were.

        Bundles of engine `oprf` go when the agreement's days are over. Raises NodeRefusing, StoreError.
        """
        now, purged = self._clock(), 0
        await self._store.transaction(self._expire_bundles)
        while actors := await self._store.query(lambda db: expired_actors(db, now)):
            _, key = await self._current_key()
            async with self._standing_still():
                purged += await self._store.transaction(
                    partial(self._expire, actors=actors, key=key, now=now)
                )
        # What an erasure could not bring in while a reader was at work is made up for here.
        await self._store.empty_journal()
        return purged

    async def preview(self, reference: str) -> Erasure:
        """What an erasure of this actor would remove. Raises NotFound, InputError."""
        return await self._store.query(lambda db: preview(db, self._find(db, reference), reference))

    async def erase(self, reference: str, by: str) -> Erasure:
        """Erase the actor for good. `by` names the token. Raises NotFound, InputError, NodeRefusing."""
        key = await self._key_if_any()

        def work(db: Database) -> Erasure:
            actor = self._find(db, reference)
            what = preview(db, actor, reference, erased=True)
            erase(db, actor, key, instant(self._clock()), self._caches)
            self._log.append(db, EntryKind.ADMIN, {"action": "actor-erased", "by": by})
            return what

        async with self._standing_still():
            what = await self._store.transaction(work)
        await self._store.empty_journal()
        return what

    def _expire(self, db: Database, *, actors: list[int], key: bytes, now: datetime) -> int:
        purged = purge_expired(db, actors, key, now, self._caches)
        self._log.append(db, EntryKind.ADMIN, {"action": "indicators-expired"})
        return purged

    def _expire_bundles(self, db: Database) -> None:
        if bundles.expire(self._store, db, instant(self._clock())):
            self._log.append(db, EntryKind.ADMIN, {"action": "bundles-expired"})

    def _find(self, db: Database, reference: str) -> int:
        lookup = sealing.lookup(self._data_key, clean_reference(reference))
        row = db.conn.execute(_BY_LOOKUP, (lookup,)).fetchone()
        if row is None:
            raise NotFound(
                "there is no actor of this reference: references are compared as they were imported"
            )
        return int(row[0])

    async def _key_if_any(self) -> bytes:
        """Without a consortium there are no fingerprints, and so no joined elements."""
        try:
            return (await self._current_key())[1]
        except NotFound:
            return bytes(32)
