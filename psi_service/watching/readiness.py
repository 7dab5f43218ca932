"""Whether the node can do its work right now: one word for whoever watches it, without a reason.

ready   the store takes a write, the log may grow, both ports are open

The reasons are in `psi-node doctor` and in the journal: whoever asks here has shown no token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlite_utils import Database

from psi_core.errors import StoreError
from psi_service.clock import Clock
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

KEPT = timedelta(seconds=5)
"""How long a verdict stands: each is a write and an fsync, and anybody on the port may ask."""
PATIENCE_SECONDS = 5.0
"""How long the write may wait for its turn."""


class Readiness:
    """`ports_open` says whether peers can reach the node; that its own port answers shows itself."""

    def __init__(self, store: Store, log: NodeLog, clock: Clock, ports_open: Callable[[], bool]) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._ports_open = ports_open
        self._writable = False
        self._asked: datetime | None = None
        self._asking = asyncio.Lock()

    async def ready(self) -> bool:
        """Whether sessions can run now."""
        return self._log.refusal is None and self._ports_open() and await self._store_writable()

    async def _store_writable(self) -> bool:
        async with self._asking:
            now = self._clock()
            if self._asked is None or abs(now - self._asked) >= KEPT:
                self._writable = await self._write()
                self._asked = now
            return self._writable

    async def _write(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._store.transaction(_touch)
        except (StoreError, TimeoutError):
            return False
        return True


def _touch(db: Database) -> None:
    """Write one page, and change nothing: only a write finds a full disk."""
    (version,) = db.conn.execute("PRAGMA user_version").fetchone()
    db.conn.execute(f"PRAGMA user_version = {int(version)}")
