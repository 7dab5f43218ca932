"""What both ends of a gRPC session stream have in common: cancelled calls, a cut stream, and errors in words.

grpc.aio ends a whole RPC when the task that waits on it is cancelled. Here each read and each write runs in a
task of its own, so that a timeout or a failing task group leaves the RPC alive for the Abort that follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from psi_client.quiet_grpc import grpc
from psi_core.errors import ProtocolFault, PsiError
from psi_core.wire.session_pb2 import SessionFrame

T = TypeVar("T")
Explain = Callable[[BaseException | None], Awaitable[PsiError]]


class Duplex(Protocol):
    """What grpc.aio's call (initiator) and servicer context (responder) have in common."""

    def read(self) -> Coroutine[Any, Any, Any]:
        """The next message, or grpc.aio.EOF."""

    def write(self, message: SessionFrame, /) -> Coroutine[Any, Any, None]:
        """Send one message."""


class FrameStream:
    """Frames over one RPC. `explain` turns what grpc.aio raised (None: it ended) into the error to raise."""

    def __init__(self, rpc: Duplex, explain: Explain) -> None:
        self._rpc = rpc
        self._explain = explain
        self._reading: asyncio.Task[Any] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._cut: asyncio.Future[PsiError] = asyncio.get_running_loop().create_future()

    def cut(self, error: PsiError) -> None:
        """From now on every call, also one that is under way, raises `error`. The first cut counts."""
        if not self._cut.done():
            self._cut.set_result(error)

    async def send(self, frame: SessionFrame) -> None:
        """See SessionStream.send."""
        if self._writing is not None:
            await self._outcome(self._writing)
        self._writing = _started(self._rpc.write(frame))
        await self._outcome(self._writing)
        self._writing = None

    async def receive(self) -> SessionFrame:
        """See SessionStream.receive."""
        if self._reading is None:
            self._reading = _started(self._rpc.read())
        frame = await self._outcome(self._reading)
        self._reading = None
        if frame is grpc.aio.EOF:
            raise await self._explain(None)
        if not isinstance(frame, SessionFrame):
            # grpc.aio hands out None for bytes that are no message of the expected type.
            raise ProtocolFault("the other side sent bytes that are no frame")
        return frame

    async def _outcome(self, step: asyncio.Task[T]) -> T:
        await asyncio.wait((step, self._cut), return_when=asyncio.FIRST_COMPLETED)
        if self._cut.done():
            raise self._cut.result()
        if step.cancelled():
            raise await self._explain(None)
        failure = step.exception()
        if failure is not None:
            raise await self._explain(failure) from failure
        return step.result()


def _started(step: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    task = asyncio.create_task(step)
    # A step that a cut stream leaves behind fails later; its error has been told already.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return task
