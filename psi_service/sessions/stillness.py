"""Sets stand still from the moment they are read until their commitments are logged; what is purged waits for that.

Else a purge in between would be undone by the salts that the freeze then writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Stillness:
    """Any number of freezes at once, or one purge; a purge that waits goes before freezes that come later."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._freezing = 0
        self._purges = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Inside: nothing is purged."""
        async with self._turn:
            self._freezing += 1
            self._idle.clear()
        try:
            yield
        finally:
            self._freezing -= 1
            if not self._freezing:
                self._idle.set()

    @asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        """Inside: nothing is being frozen. Waits for the freezes that are under way."""
        async with self._turn:
            await self._idle.wait()
            self._purges += 1
            yield

    def watch(self) -> Callable[[], bool]:
        """A question to ask later: whether since now nothing was purged, or began to be."""
        seen = self._purges
        return lambda: self._purges == seen
