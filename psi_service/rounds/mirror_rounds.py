"""In the background: keep what is new of each peer's log for that peer, once a checkpoint of it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import structlog

from psi_core.errors import PsiError
from psi_core.identity.card import Card
from psi_service.log.mirror import Mirror, ShowsLog
from psi_service.rounds.background import Background

log = structlog.get_logger()

LOOK_SECONDS = 5
"""How often is looked whether a peer's log has grown: a query, nothing on the wire."""
REST = 60
"""Looks that a peer is left alone for after it could not be asked, or showed less than it has: 5 minutes."""
EACH_SECONDS = 120.0
"""For one peer's news, so that one that answers slowly does not keep the others' logs from being kept."""


class MirrorRounds(Background):
    """Asks the pinned peers of `cards`; `dial` connects to one."""

    def __init__(
        self,
        mirror: Mirror,
        cards: Callable[[], Sequence[Card]],
        dial: Callable[[str], AbstractAsyncContextManager[ShowsLog]],
        seconds_each: float = EACH_SECONDS,
    ) -> None:
        super().__init__("mirror-rounds", self.look, LOOK_SECONDS)
        self._mirror = mirror
        self._cards = cards
        self._dial = dial
        self._seconds_each = seconds_each
        self._resting: dict[str, int] = {}

    async def look(self) -> None:
        """One round. What fails is in the journal; nothing of the error tree is raised."""
        for card in self._cards():
            left = self._resting.pop(card.lab, 0)
            if left:
                self._resting[card.lab] = left - 1
                continue
            try:
                if await self._mirror.behind(card):
                    async with asyncio.timeout(self._seconds_each), self._dial(card.lab) as peer:
                        await self._mirror.refresh(card, peer)
                    if await self._mirror.behind(card):
                        self._resting[card.lab] = REST
            except PsiError as fault:
                self._resting[card.lab] = REST
                log.warning("peer's log not kept", peer=card.lab, code=fault.code, reason=fault.message)
            except TimeoutError:
                self._resting[card.lab] = REST
                log.warning(
                    "peer's log not kept", peer=card.lab, code="timeout", reason="it answered too slowly"
                )
