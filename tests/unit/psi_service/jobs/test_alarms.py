"""Alarms over the real APScheduler, on the host's clock: far or past times alone, so that nothing is timed."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from psi_service.jobs import alarms
from psi_service.jobs.alarms import SchedulerAlarms

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR = timedelta(days=400)


class Heard:
    """Keeps what rang."""

    def __init__(self) -> None:
        self.jobs: list[int] = []
        self.looks = 0
        self.any = asyncio.Event()

    async def ring(self, job: int) -> None:
        self.jobs.append(job)
        self.any.set()

    async def look(self) -> None:
        self.looks += 1
        self.any.set()

    async def something(self) -> None:
        async with asyncio.timeout(20):
            await self.any.wait()
        self.any.clear()


async def test_what_is_past_rings_at_once_and_once() -> None:
    heard, bells = Heard(), SchedulerAlarms()
    bells.start(heard.ring, heard.look)
    bells.set(1, datetime.now(UTC) + FAR)
    bells.set(2, LONG_AGO)
    await heard.something()
    assert heard.jobs == [2]
    bells.set(1, LONG_AGO)
    await heard.something()
    assert heard.jobs == [2, 1]
    bells.stop()


async def test_a_cleared_one_and_a_replaced_one_do_not_ring() -> None:
    heard, bells = Heard(), SchedulerAlarms()
    bells.start(heard.ring, heard.look)
    # No await between setting and taking back: the loop has had no turn to ring.
    bells.set(1, LONG_AGO)
    bells.clear(1)
    bells.clear(1)
    bells.set(2, LONG_AGO)
    bells.set(2, datetime.now(UTC) + FAR)
    bells.set(3, LONG_AGO)
    await heard.something()
    assert heard.jobs == [3]
    bells.stop()


async def test_the_look_comes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "LOOK_SECONDS", 0.05)
    heard, bells = Heard(), SchedulerAlarms()
    bells.start(heard.ring, heard.look)
    await heard.something()
    await heard.something()
    assert heard.looks >= 2
    bells.stop()


async def test_stopped_alarms_are_silent_and_say_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    heard, bells = Heard(), SchedulerAlarms()
    bells.stop()
    bells.set(1, LONG_AGO)
    with caplog.at_level(logging.WARNING):
        bells.start(heard.ring, heard.look)
        bells.set(1, datetime.now(UTC) + FAR)
        bells.stop()
        bells.stop()
        bells.set(2, LONG_AGO)
        bells.clear(1)
        for _ in range(20):
            await asyncio.sleep(0)
    assert heard.jobs == []
    assert caplog.records == []
