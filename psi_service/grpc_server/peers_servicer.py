"""Service Peers: sizes and the named lab are checked here, everything else is the handlers'."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psi_client.hello import NodeFacts, check_request
from psi_client.quiet_grpc import grpc
from psi_client.wire_bounds import MAX_CHECKPOINTS, check_checkpoint, check_note, check_session_id
from psi_core.errors import ProtocolFault
from psi_core.log.key import MAX_NAME
from psi_core.wire.peers_pb2 import (
    CosignReply,
    CosignRequest,
    DeliverReply,
    DeliverRequest,
    HelloReply,
    HelloRequest,
    OwnCheckpointsReply,
    OwnCheckpointsRequest,
    OwnLogReply,
    OwnLogRequest,
    ReadLogReply,
    ReadLogRequest,
    SettleReply,
    SettleRequest,
)
from psi_core.wire.session_pb2 import Checkpoint
from psi_service.clock import Clock
from psi_service.grpc_server.identity import CallerCheck

MAX_PATH = 100

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class PeerHandlers:
    """What the node does with a peer's call; `lab` is the caller, its certificate checked against its pin.

    deliver(lab, note) returns waiting, in_force, revoked or known. own_checkpoints(lab) returns what is kept
    here of that lab's log, newest last. cosign(lab, checkpoint) returns the newest that was cosigned. Each may
    raise any PsiError.
    """

    hello: Callable[[], Awaitable[NodeFacts]]
    deliver: Callable[[str, bytes], Awaitable[str]]
    settle: Callable[[str, SettleRequest], Awaitable[SettleReply]]
    own_checkpoints: Callable[[str], Awaitable[Sequence[Checkpoint]]]
    cosign: Callable[[str, Checkpoint], Awaitable[Checkpoint]]
    read_log: Callable[[str, ReadLogRequest], Awaitable[ReadLogReply]]
    own_log: Callable[[str, OwnLogRequest], Awaitable[OwnLogReply]]


class PeersServicer:
    """The calls of service Peers. Method names are the wire's."""

    def __init__(self, callers: CallerCheck, handlers: PeerHandlers, clock: Clock) -> None:
        self._callers = callers
        self._handlers = handlers
        self._clock = clock

    async def Hello(self, request: HelloRequest, context: Context) -> HelloReply:  # noqa: N802 - the wire's name
        """Describe this node to a pinned peer."""
        self._callers.check_named(context, request.lab)
        check_request(request)
        facts = await self._handlers.hello()
        return facts.reply(self._clock())

    async def Deliver(self, request: DeliverRequest, context: Context) -> DeliverReply:  # noqa: N802
        """Take an invite, an agreement or a revocation."""
        self._callers.check_named(context, request.lab)
        check_note("the note", request.note)
        return DeliverReply(state=await self._handlers.deliver(request.lab, request.note))

    async def Settle(self, request: SettleRequest, context: Context) -> SettleReply:  # noqa: N802
        """Exchange what both sides hold of a session."""
        self._callers.check_named(context, request.lab)
        check_session_id(request.session_id)
        check_note("the record", request.record, optional=True)
        check_note("the abort", request.abort, optional=True)
        return await self._handlers.settle(request.lab, request)

    async def OwnCheckpoints(  # noqa: N802
        self, request: OwnCheckpointsRequest, context: Context
    ) -> OwnCheckpointsReply:
        """Return the caller's own checkpoints, the newest 64."""
        self._callers.check_named(context, request.lab)
        kept = await self._handlers.own_checkpoints(request.lab)
        return OwnCheckpointsReply(checkpoints=kept[-MAX_CHECKPOINTS:])

    async def Cosign(self, request: CosignRequest, context: Context) -> CosignReply:  # noqa: N802
        """Cosign a checkpoint of the caller's log."""
        self._callers.check_named(context, request.lab)
        check_checkpoint(request.checkpoint)
        return CosignReply(checkpoint=await self._handlers.cosign(request.lab, request.checkpoint))

    async def ReadLog(self, request: ReadLogRequest, context: Context) -> ReadLogReply:  # noqa: N802
        """Show the caller what it may see of this log."""
        self._callers.check_named(context, request.lab)
        if len(request.file) > MAX_PATH:
            raise ProtocolFault("no file of the log has a path as long as this")
        return await self._handlers.read_log(request.lab, request)

    async def OwnLog(self, request: OwnLogRequest, context: Context) -> OwnLogReply:  # noqa: N802
        """Give back what is kept here of the caller's own log."""
        self._callers.check_named(context, request.lab)
        if len(request.origin) > MAX_NAME:
            raise ProtocolFault("no log has a name as long as this")
        return await self._handlers.own_log(request.lab, request)
