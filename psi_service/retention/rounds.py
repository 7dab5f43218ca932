"""Expiry on a timer, while the node runs."""

from __future__ import annotations

import asyncio

import structlog

from psi_core.errors import PsiError
from psi_service.retention.service import RetentionService

log = structlog.get_logger()


class RetentionRounds:
    """Purges what has expired at the start, and every so many seconds."""

    def __init__(self, retention: RetentionService, seconds: float) -> None:
        self._retention = retention
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Purge from now on, in the background."""
        self._task = asyncio.create_task(self.run(), name="retention")

    async def stop(self) -> None:
        """End a round that is under way; what it has purged by then stays purged."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def run(self) -> None:
        """Purge again and again until cancelled. What fails is in the journal, and is tried again next time."""
        while True:
            try:
                await self._retention.expire()
            except PsiError as fault:
                log.warning("expired indicators were not purged", code=fault.code, reason=fault.message)
            await asyncio.sleep(self._seconds)
