"""Driving machines over a slow stream: many rounds, much data both ways, and machines that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from psi_core.errors import EngineFault, ProtocolFault
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.lane_runs import LaneRun, LaneRuns
from psi_service.sessions.progress import Progress
from tests.two_labs import QueueStream

ROUNDS, FRAMES = 3, 30


class Chatty:
    """A machine that answers every round with many frames; both sides do so at once."""

    def __init__(self, *, fails: bool = False) -> None:
        self.seen = 0
        self.done = True
        self.fails = fails

    @property
    def opened(self) -> bool:
        return self.seen == ROUNDS * FRAMES

    def _say(self) -> Iterator[bytes]:
        for number in range(FRAMES):
            yield bytes([number])

    def start(self) -> Iterator[bytes]:
        return self._say()

    def receive(self, frame: bytes) -> Iterator[bytes]:
        if self.fails and self.seen == FRAMES:
            raise EngineFault("this machine fails in its second round")
        if frame.startswith(b"last"):
            return iter(())
        assert frame == bytes([self.seen % FRAMES])
        self.seen += 1
        last_of_round = self.seen % FRAMES == 0
        return self._say() if last_of_round and self.seen < ROUNDS * FRAMES else iter(())

    def complete(self) -> Iterator[bytes]:
        return iter((b"last but one", b"last"))


def pair(left: Chatty, right: Chatty) -> tuple[LaneRuns, LaneRuns]:
    """Two ends over queues that hold one frame, so that a side that only writes would stand still."""
    forth: asyncio.Queue = asyncio.Queue(1)
    back: asyncio.Queue = asyncio.Queue(1)
    gone = asyncio.Event()
    ends = (QueueStream(forth, back, gone), QueueStream(back, forth, gone))
    return tuple(
        LaneRuns([LaneRun(0, 0, machine, receives=False)], Conversation(end, idle_seconds=10), Progress("x"))
        for machine, end in zip((left, right), ends, strict=True)
    )


async def test_both_sides_may_have_much_to_say_in_many_rounds():
    a, b = pair(Chatty(), Chatty())
    async with asyncio.timeout(20):
        await asyncio.gather(a.open(), b.open())
    assert a.sent.frames == b.received.frames == ROUNDS * FRAMES
    assert (a.sent.value(), b.sent.value()) == (b.received.value(), a.received.value())


async def test_the_final_transcript_is_told_before_the_last_completing_frame_leaves():
    a, b = pair(Chatty(), Chatty())
    told = []

    async def before_last(value: bytes) -> None:
        told.append((value, b.received.frames))

    a._runs[(0, 0)].machine.seen = ROUNDS * FRAMES
    received = asyncio.create_task(b._read(lambda: b.received.frames == 2))
    await a.complete(before_last)
    await received
    assert told == [(a.sent.value(), told[0][1])]
    assert told[0][1] <= 1
    assert b.received.value() == told[0][0]


async def test_a_machine_that_fails_ends_reading_and_writing_with_its_own_error():
    a, b = pair(Chatty(), Chatty(fails=True))
    other = asyncio.create_task(a.open())
    with pytest.raises(EngineFault, match="second round"):
        await b.open()
    other.cancel()


async def test_a_frame_of_no_open_lane_is_a_fault():
    a, b = pair(Chatty(), Chatty())
    b._runs.clear()
    writing = asyncio.create_task(a.open())
    with pytest.raises(ProtocolFault, match="not open"):
        await b._read(lambda: False)
    writing.cancel()
