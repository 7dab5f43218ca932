"""Freezes all sets of one session, one session per peer at a time: salts towards a peer have one writer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from psi_core.agreement.agreement import Agreement
from psi_service.sessions.books import Desk
from psi_service.sessions.freezing import Frozen, Room, freeze_match_key
from psi_service.sessions.labelling import Labelling
from psi_service.sessions.stillness import Stillness

_SENDS = "SELECT 1 FROM epoch_keys WHERE agreement = ? AND match_key = ? AND secret IS NOT NULL"
"""Whether this lab has a key by which it sends the set."""


class Freezer:
    """Hands out frozen sets; they must be entered in the books before the next session with that peer freezes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.stillness = Stillness()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def frozen(
        self,
        peer: str,
        match_keys: Sequence[str],
        consortium_key: bytes,
        agreement: Agreement,
        rooms: Sequence[Room | None] = (),
        fields: tuple[str, ...] = (),
    ) -> AsyncIterator[tuple[Frozen, ...]]:
        """Freeze one set per match key; leave the block once the commitments are logged.

        `rooms`: one a match key. `fields`: what this lab says of its elements, where labels go along.
        """
        labelling = Labelling(fields, self._desk.data_key) if fields else None
        async with self._locks[peer], self.stillness.kept():
            yield tuple(
                [
                    await self._freeze(peer, name, consortium_key, agreement, room, labelling)
                    for name, room in zip(match_keys, rooms or (None,) * len(match_keys), strict=True)
                ]
            )

    async def _freeze(
        self,
        peer: str,
        match_key: str,
        consortium_key: bytes,
        agreement: Agreement,
        room: Room | None,
        labelling: Labelling | None,
    ) -> Frozen:
        name = (agreement.hash(), match_key)
        frozen = await self._desk.store.query(
            lambda db: freeze_match_key(
                db,
                self._desk.store.path.parent,
                peer=peer,
                match_key=match_key,
                consortium_key=consortium_key,
                padding_bucket=agreement.padding_bucket,
                now=self._desk.now(),
                room=room,
                keeps_spare=db.execute(_SENDS, name).fetchone() is not None,
                labelling=labelling,
            )
        )
        return replace(frozen, stands=self.stillness.watch())
