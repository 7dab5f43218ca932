"""The books of bundles: begun with a session's machines, kept with its record, removed when their time is over.

The agreement says for how many days (`bundle_days`). What is kept of one lane has one possible length, which follows
from the sizes in Offer and Accept; what is kept of all is bounded by a setting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import sqlite_utils
import structlog

from psi_core.agreement.agreement import Agreement
from psi_core.engines.oprf.bundle import BundleHeader, chunks_length
from psi_core.engines.oprf.lane import KeepChunk
from psi_service.bundles.sealed_chunks import BundleWriter
from psi_service.clock import instant
from psi_service.durable import remove, sweep
from psi_service.store.database import Store

log = structlog.get_logger()

FOLDER = "bundles"
MOST_BYTES = 16 << 30
"""Bytes of all bundles of a node, when the settings do not say."""


class OpenBundles:
    """The bundles of one running session, by lane."""

    def __init__(
        self,
        store: Store | None,
        days: int,
        writers: Mapping[int, BundleWriter],
        over: Callable[[], object] = lambda: None,
    ) -> None:
        """`over` is called when nothing more is written: all is in the books, or removed; maybe twice."""
        self._store = store
        self._days = days
        self._writers = writers
        self._over = over

    @property
    def keepers(self) -> Mapping[int, KeepChunk]:
        """What the machine of each lane hands its chunks to."""
        return {lane: writer.keep for lane, writer in self._writers.items()}

    async def keep(self, agreement: bytes) -> None:
        """Put every whole bundle on the disk and into the books; before either lab signs the record."""
        if self._store is None:
            return
        rows = []
        until = instant(self._store.clock() + timedelta(days=self._days))
        for writer in self._writers.values():
            size = await asyncio.to_thread(writer.finish)
            if size:
                header = writer.header
                rows.append(
                    {
                        "session_id": header.session_id,
                        "lane": header.lane,
                        "agreement": agreement,
                        "match_key": header.match_key,
                        "items": header.items,
                        "file": writer.path.name,
                        "bytes": size,
                        "kept_until": until,
                    }
                )
        if rows:
            await self._store.transaction(lambda db: db.table("bundles").insert_all(rows, replace=True))
        self._over()

    def close(self) -> None:
        """Remove what was begun and is not in the books: the session came to nothing."""
        for writer in self._writers.values():
            writer.discard()
        self._over()


NO_BUNDLES = OpenBundles(None, 0, {})


class Bundles:
    """Sealed files under the store's folder, and their rows."""

    def __init__(self, store: Store, data_key: bytes, most_bytes: int = MOST_BYTES) -> None:
        self._store = store
        self._data_key = data_key
        self._most_bytes = most_bytes
        # By session under way, what it may still write: no row tells of it yet.
        self._begun: dict[str, int] = {}

    async def begin(self, agreement: bytes, lanes: Sequence[BundleHeader]) -> OpenBundles:
        """Writers for the lanes of a session, where its agreement keeps bundles and there is room for them."""
        if not lanes:
            return NO_BUNDLES
        session_id, due = lanes[0].session_id, sum(chunks_length(each.items) for each in lanes)
        over = partial(self._begun.pop, session_id, None)
        # Before the rows are read: one that is written meanwhile counts twice, and none is missed.
        self._begun[session_id] = due
        begun = sum(self._begun.values())
        try:
            days, kept = await self._store.query(lambda db: (_days(db, agreement), _bytes(db)))
        except BaseException:
            over()
            raise
        if days and kept + begun <= self._most_bytes:
            where = folder(self._store)
            writers = {each.lane: BundleWriter(where, self._data_key, each) for each in lanes}
            return OpenBundles(self._store, days, writers, over)
        over()
        if days:
            log.warning(
                "bundles not kept", session=session_id, reason="they would pass max_bundle_mib", bytes=due
            )
        return NO_BUNDLES

    async def sweep(self) -> None:
        """At start, before any session: remove files that no row names."""
        named = await self._store.query(
            lambda db: {name for (name,) in db.execute("SELECT file FROM bundles").fetchall()}
        )
        await asyncio.to_thread(sweep, folder(self._store), named)


def expire(store: Store, db: sqlite_utils.Database, now: str) -> int:
    """Remove the bundles whose time is over, in the current transaction; returns how many."""
    return _delete(store, db, "kept_until <= ?", now)


def dropped(store: Store, db: sqlite_utils.Database, session_id: str) -> None:
    """The session has no record, so nothing stands for its chunks."""
    _delete(store, db, "session_id = ?", session_id)


def folder(store: Store) -> Path:
    """Where the sealed files lie."""
    return store.path.parent / FOLDER


def _delete(store: Store, db: sqlite_utils.Database, where: str, value: str) -> int:
    rows = db.execute(f"SELECT file FROM bundles WHERE {where}", (value,)).fetchall()  # noqa: S608 - ours
    db.execute(f"DELETE FROM bundles WHERE {where}", (value,))  # noqa: S608 - ours
    for (file,) in rows:
        store.on_commit(partial(remove, folder(store) / file))
    return len(rows)


def _days(db: sqlite_utils.Database, agreement: bytes) -> int:
    row = db.execute("SELECT note FROM agreements WHERE hash = ?", (agreement,)).fetchone()
    return 0 if row is None else Agreement.unverified(row[0]).bundle_days or 0


def _bytes(db: sqlite_utils.Database) -> int:
    return int(db.execute("SELECT coalesce(sum(bytes), 0) FROM bundles").fetchone()[0])
