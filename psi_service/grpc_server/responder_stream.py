"""The responder's end of a session's stream, and the task that a session runs in.

grpc.aio cancels a servicer's task when the caller goes away. A session must not be cancelled between two of
its entries in the log, so it runs in a task of its own and hears of the end from its stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from psi_client.frame_stream import FrameStream
from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_core.errors import PeerUnreachable, PsiError
from psi_core.wire.session_pb2 import SessionFrame

Context = grpc.aio.ServicerContext[SessionFrame, SessionFrame]


class ResponderStream(FrameStream):
    """A SessionStream over the context of one Sessions.Run. Lives as long as the servicer method runs."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, self._why)

    async def close(self) -> None:
        """See SessionStream.close: the stream ends when the servicer method returns."""

    def cancel(self) -> None:
        """See SessionStream.cancel."""
        self.cut(PeerUnreachable("the stream was ended on this side", fault=Fault.CANCELLED))

    async def _why(self, failure: BaseException | None) -> PsiError:
        if isinstance(failure, PsiError):
            return failure
        return PeerUnreachable("the peer ended the stream, or the connection broke", fault=Fault.CLOSED)


async def answer(context: Context, respond: Callable[[ResponderStream], Awaitable[Any]]) -> None:
    """Run `respond` on the stream of `context` and return when it has ended, whatever happens to the RPC.

    When the RPC is cancelled, the stream raises PeerUnreachable from then on (the caller is gone) or the reason of
    OpenCalls (the peer was removed, the node stops). This waits until `respond` has written down what it must.
    """
    stream = ResponderStream(context)
    session = asyncio.ensure_future(respond(stream))
    cancelled: asyncio.CancelledError | None = None
    while not session.done():
        try:
            await asyncio.wait((session,))
        except asyncio.CancelledError as reason:
            cancelled = reason
            stream.cut(_reason(cancelled))
    if cancelled is not None:
        if not session.cancelled():
            session.exception()
        raise cancelled
    await session


def _reason(cancelled: asyncio.CancelledError) -> PsiError:
    for told in cancelled.args:
        if isinstance(told, PsiError):
            return told
    return PeerUnreachable("the peer is gone", fault=Fault.CLOSED)
