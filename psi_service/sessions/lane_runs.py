"""All engine runs of one session over its stream: openings, then (after the barrier) completing frames.

Machines are synchronous and may compute for seconds; each call runs in a thread, so the node's loop stays free.
Writing and reading go on side by side, so two labs that both have much to say never wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import cast

from psi_core.engines.interface import Outcome, Receiver, Sender, Settled
from psi_core.errors import ProtocolFault
from psi_core.session.transcript import Transcript
from psi_core.wire.session_pb2 import EngineFrame
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.progress import Progress

_END = object()


@dataclass(frozen=True)
class LaneRun:
    """One engine machine: lane and run number (0: the initiator receives), and our role in it."""

    lane: int
    run: int
    machine: Receiver | Sender
    receives: bool

    @property
    def learns(self) -> Receiver | None:
        """The machine, where it has a result for us: every receiver, and a sender to whom values are returned."""
        if self.receives or getattr(self.machine, "learns", False):
            return cast(Receiver, self.machine)
        return None


class LaneRuns:
    """Drives the machines of a session and keeps both transcripts."""

    def __init__(self, runs: list[LaneRun], conversation: Conversation, progress: Progress) -> None:
        self._runs = {(each.lane, each.run): each for each in runs}
        self._turns = {key: asyncio.Lock() for key in self._runs}
        self._conversation = conversation
        self._progress = progress
        self._outbox: asyncio.Queue[tuple[LaneRun, Iterator[bytes]] | None] = asyncio.Queue()
        self._sending = asyncio.Lock()
        self.sent = Transcript()
        self.received = Transcript()
        progress.runs_total = len(runs)

    def recalled(self, run: LaneRun, blinded: bytes, answer: bytes) -> None:
        """A session goes on: these two frames of `run` passed before it broke off, and stand in the transcripts."""
        forth, back = (self.sent, self.received) if run.receives else (self.received, self.sent)
        forth.add(run.lane, run.run, blinded)
        back.add(run.lane, run.run, answer)

    async def open(self) -> None:
        """Exchange every frame before the barrier: returns when all of ours are sent and all of the peer's are in."""
        for run in self._runs.values():
            self._outbox.put_nowait((run, run.machine.start()))
        await _side_by_side(
            self._read(lambda: all(run.machine.opened for run in self._runs.values())), self._write_outbox()
        )

    async def complete(self, before_last: Callable[[bytes], Awaitable[None]] | None) -> None:
        """Exchange the completing frames.

        `before_last`, for a second signer, gets our final sent transcript before our last frame leaves.
        """
        await _side_by_side(
            self._read(lambda: all(run.learns is None or run.learns.done for run in self._runs.values())),
            self._complete_all(before_last),
            self._write_outbox(),
        )

    async def outcomes(self) -> dict[int, Outcome]:
        """What we learned, by lane; empty for a side that only serves."""
        found = {}
        for run in self._runs.values():
            if run.learns is not None:
                found[run.lane] = await asyncio.to_thread(run.learns.result)
                self._progress.runs_done += 1
        return found

    async def _read(self, enough: Callable[[], bool]) -> None:
        while not enough():
            _, body = await self._conversation.expect("engine")
            frame = cast(EngineFrame, body)
            run = self._runs.get((frame.lane, frame.run))
            if run is None:
                raise ProtocolFault(
                    f"an engine frame names lane {frame.lane}, run {frame.run}, which is not open"
                )
            self.received.add(frame.lane, frame.run, frame.payload)
            async with self._turns[(frame.lane, frame.run)]:
                answer = await asyncio.to_thread(_answer, run.machine, frame.payload)
            # Reading never waits for writing: two labs that both have much to say would wait for each other forever.
            self._outbox.put_nowait((run, answer))
            self._note_bytes()
        self._outbox.put_nowait(None)

    async def _write_outbox(self) -> None:
        while (answer := await self._outbox.get()) is not None:
            run, frames = answer
            async for payload in self._drawn(run, frames):
                await self._send(run, payload)

    async def _complete_all(self, before_last: Callable[[bytes], Awaitable[None]] | None) -> None:
        held: tuple[LaneRun, bytes] | None = None
        for run in self._runs.values():
            if run.receives:
                continue
            async for payload in self._drawn(run, cast(Sender, run.machine).complete()):
                if held is not None:
                    await self._send(*held)
                held = (run, payload)
            self._progress.runs_done += run.learns is None
        if held is not None:
            await self._send(*held, before=before_last)

    async def _drawn(self, run: LaneRun, frames: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Draw each frame in a thread (a generator may compute for long between two), one thread a machine."""
        while True:
            async with self._turns[(run.lane, run.run)]:
                payload = await asyncio.to_thread(next, frames, _END)
            if payload is _END:
                return
            yield cast(bytes, payload)

    async def _send(
        self, run: LaneRun, payload: bytes, *, before: Callable[[bytes], Awaitable[None]] | None = None
    ) -> None:
        async with self._sending:
            self.sent.add(run.lane, run.run, payload)
            if before is not None:
                await before(self.sent.value())
            frame = EngineFrame(lane=run.lane, run=run.run, payload=payload)
            await self._conversation.send("engine", frame)
        self._note_bytes()

    def _note_bytes(self) -> None:
        self._progress.bytes_sent = self._conversation.bytes_sent
        self._progress.bytes_received = self._conversation.bytes_received


def _answer(machine: Receiver | Sender, payload: bytes) -> Iterator[bytes]:
    """Hand a frame in and draw what answers it, so that what the machine says of itself is true afterwards."""
    answer = machine.receive(payload)
    return answer if isinstance(answer, Settled) else iter(list(answer))


async def _side_by_side(*steps: Coroutine[None, None, None]) -> None:
    """Run all steps; the first error ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
