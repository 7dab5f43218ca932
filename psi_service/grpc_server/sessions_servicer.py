"""Service Sessions: each incoming stream is one session, answered in a task of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from psi_client.quiet_grpc import grpc
from psi_core.wire.session_pb2 import SessionFrame
from psi_service.grpc_server.identity import CallerCheck
from psi_service.grpc_server.responder_stream import answer
from psi_service.sessions.incoming import IncomingSessions

Context = grpc.aio.ServicerContext[Any, Any]


class SessionsServicer:
    """Hands streams to the session service. The method's name is the wire's."""

    def __init__(self, callers: CallerCheck, incoming: IncomingSessions) -> None:
        self._callers = callers
        self._incoming = incoming

    async def Run(self, requests: AsyncIterator[SessionFrame], context: Context) -> None:  # noqa: N802
        """Answer one session; the Offer must name the lab that this connection's certificate is pinned for."""
        lab = self._callers.identify(context).lab
        await answer(context, lambda stream: self._incoming.serve(stream, lab))
