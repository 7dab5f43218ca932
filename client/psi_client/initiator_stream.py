"""The initiator's end of a session's stream."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from psi_client.frame_stream import FrameStream
from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_client.rpc_errors import error_of_status
from psi_core.errors import PeerUnreachable, PsiError
from psi_core.wire.session_pb2 import SessionFrame

CLOSE_SECONDS = 5.0
"""How long `close` waits for the responder to end its side."""

STATUS_LOOKS, STATUS_PAUSE_SECONDS = 40, 0.05
"""How long a failed read or write waits for the status that explains it: two seconds."""

_FAILED_WRITE = "Internal error from Core"

T = TypeVar("T")


class _Status(NamedTuple):
    code: grpc.StatusCode
    details: str | None
    metadata: dict[str, str | bytes]


class InitiatorStream(FrameStream):
    """A SessionStream over one call of Sessions.Run."""

    def __init__(self, lab: str, call: grpc.aio.StreamStreamCall[SessionFrame, SessionFrame]) -> None:
        super().__init__(call, self._why)
        self._lab = lab
        self._call = call
        self._status: asyncio.Future[_Status] = asyncio.get_running_loop().create_future()
        call.add_done_callback(self._note_status)

    async def close(self) -> None:
        """See SessionStream.close; waits at most CLOSE_SECONDS for the responder."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if not self._call.done():
                    await self._call.done_writing()
                while True:
                    await self.receive()
        except (PsiError, TimeoutError):
            self.cancel()

    def cancel(self) -> None:
        """See SessionStream.cancel."""
        self.cut(PeerUnreachable(f"the stream to {self._lab} was ended on this side", fault=Fault.CANCELLED))

    def cut(self, error: PsiError) -> None:
        """End the RPC too; `error` is what every call raises from now on."""
        super().cut(error)
        self._call.cancel()

    def _note_status(self, call: grpc.aio.Call) -> None:
        status = _Status(_ready(call.code()), _ready(call.details()), dict(_ready(call.trailing_metadata())))
        if status.details != _FAILED_WRITE and not self._status.done():
            self._status.set_result(status)

    async def _why(self, _failure: BaseException | None) -> PsiError:
        # A write that fails because the RPC has ended sets a status of grpc.aio's own, over the peer's or before
        # it. The first case is met by the callback; in the second the peer's follows, without a callback.
        for _ in range(STATUS_LOOKS):
            if self._call.done():
                self._note_status(self._call)
            if self._status.done():
                return error_of_status(self._lab, *self._status.result())
            await asyncio.sleep(STATUS_PAUSE_SECONDS)
        return PeerUnreachable(f"the stream with {self._lab} broke", fault=Fault.CLOSED)


def _ready(step: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for: grpc.aio's, once the status is set."""
    try:
        step.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    step.close()
    raise RuntimeError("grpc.aio announced a status that it does not have")
