"""One thing done again and again in the background, until the node stops. No fault of it ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()


class Background:
    """Calls `work` every so many seconds; `at_once`: for the first time right at the start."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[object]], seconds: float, *, at_once: bool = False
    ) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._at_once = at_once
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the current event loop."""
        self._task = asyncio.create_task(self.run(), name=self._name)

    async def stop(self) -> None:
        """End a round that is under way. Harmless before `start`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def run(self) -> None:
        """Go on until cancelled."""
        if not self._at_once:
            await asyncio.sleep(self._seconds)
        while True:
            try:
                await self._work()
            except Exception:
                # What `work` foresees it writes down itself. This is a fault of the program: the next round is tried.
                log.exception("a round failed", rounds=self._name)
            await asyncio.sleep(self._seconds)
