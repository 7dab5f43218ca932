"""Peers' logs are kept one after the other; no peer can keep the others waiting, or be asked for ever in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from psi_service.rounds.mirror_rounds import REST, MirrorRounds


class Named:
    def __init__(self, lab: str) -> None:
        self.lab = lab


class FakeMirror:
    """Every peer is behind until it was refreshed; one never answers, one never shows what it has."""

    def __init__(self) -> None:
        self.kept: set[str] = set()

    async def behind(self, card: Any) -> bool:
        return card.lab not in self.kept

    async def refresh(self, card: Any, _peer: object) -> int:
        if card.lab == "slow":
            await asyncio.Event().wait()
        if card.lab != "stingy":
            self.kept.add(card.lab)
        return 0


@pytest.mark.parametrize("bad", ["slow", "stingy"])
async def test_one_peer_holds_up_no_other_and_is_left_alone(bad: str) -> None:
    mirror, dialled = FakeMirror(), []

    @asynccontextmanager
    async def dial(lab: str) -> AsyncIterator[Any]:
        dialled.append(lab)
        yield None

    cards = [Named(bad), Named("good")]
    rounds = MirrorRounds(mirror, lambda: cards, dial, seconds_each=0)  # type: ignore[arg-type, return-value] # stand-ins
    if bad == "stingy":
        rounds._seconds_each = 10
    for _ in range(REST):
        await rounds.look()
    assert dialled.count(bad) == 1
    assert "good" in dialled
    await rounds.look()
    assert dialled.count(bad) == 1
    await rounds.look()
    assert dialled.count(bad) == 2
