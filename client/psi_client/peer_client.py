"""The dialling side of the wire: one peer, its calls, its session streams.

    async with PeerClient(own, PeerEndpoint.of(card)) as peer:
        greeting = await peer.hello(facts.request(now))
        stream = peer.run()

Replies are checked here before anyone uses them. Every failure is one of the error tree: PeerUnreachable with
the fault's name when nobody could be talked to, ProtocolFault for a malformed reply, Refused or PeerError for
what the peer said.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, TypeVar

from psi_client.channel import PeerEndpoint, TlsIdentity, open_channel
from psi_client.hello import Greeting, read_reply
from psi_client.initiator_stream import InitiatorStream
from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_client.rpc_errors import error_of
from psi_client.wire_bounds import (
    DELIVER_STATES,
    check_checkpoint,
    check_checkpoints,
    check_log_reply,
    check_note,
    check_own_log_reply,
)
from psi_client.wire_services import peers_stub, sessions_stub
from psi_core.errors import PeerUnreachable, ProtocolFault
from psi_core.wire.peers_pb2 import (
    ConsistencyRange,
    CosignRequest,
    DeliverRequest,
    HelloRequest,
    OwnCheckpointsRequest,
    OwnLogReply,
    OwnLogRequest,
    ReadLogReply,
    ReadLogRequest,
    SettleReply,
    SettleRequest,
)
from psi_core.wire.session_pb2 import Checkpoint

UNARY_SECONDS = 10.0
"""Deadline of every call that is not a session."""

Request = TypeVar("Request")
Reply = TypeVar("Reply")


class PeerClient:
    """Calls to one peer over one connection, dialled at the first call. Close it, or use `async with`."""

    def __init__(self, own: TlsIdentity, peer: PeerEndpoint, *, unary_seconds: float = UNARY_SECONDS) -> None:
        self.lab = peer.lab
        self._own_lab = own.lab
        self._closed = False
        self._unary_seconds = unary_seconds
        self._channel = open_channel(own, peer)
        self._peers = peers_stub(self._channel)
        self._sessions = sessions_stub(self._channel)

    async def hello(self, request: HelloRequest) -> Greeting:
        """Exchange descriptions and clocks."""
        return read_reply(await self._call(self._peers.Hello, request), self.lab)

    async def deliver(self, note: bytes) -> str:
        """Hand over a signed invite, agreement or revocation; returns waiting, in_force, revoked or known."""
        request = DeliverRequest(lab=self._own_lab, note=note)
        state = (await self._call(self._peers.Deliver, request)).state
        if state not in DELIVER_STATES:
            raise ProtocolFault(f"{self.lab} answered a delivery with a state that is not known here")
        return state

    async def settle(self, session_id: str, *, record: bytes = b"", abort: bytes = b"") -> SettleReply:
        """Exchange what both sides hold of a session; both are signed notes, empty when not held."""
        request = SettleRequest(lab=self._own_lab, session_id=session_id, record=record, abort=abort)
        reply = await self._call(self._peers.Settle, request)
        for name, note in (
            ("a record", reply.record),
            ("an abort", reply.abort),
            ("a refusal", reply.refuse),
        ):
            check_note(name, note, optional=True)
        return reply

    async def own_checkpoints(self) -> tuple[Checkpoint, ...]:
        """The checkpoints of this lab's log that the peer keeps, newest last, at most 64, unverified."""
        reply = await self._call(self._peers.OwnCheckpoints, OwnCheckpointsRequest(lab=self._own_lab))
        check_checkpoints(reply.checkpoints)
        return tuple(reply.checkpoints)

    async def cosign(self, checkpoint: Checkpoint) -> Checkpoint:
        """Hand over a checkpoint of this lab with its proof; returns the newest one that the peer has cosigned.

        The answer is unverified: see psi_service.sessions.checkpoints.
        """
        request = CosignRequest(lab=self._own_lab, checkpoint=checkpoint)
        answer = (await self._call(self._peers.Cosign, request)).checkpoint
        check_checkpoint(answer)
        return answer

    async def read_log(
        self,
        *,
        file: str | None = None,
        consistency: tuple[int, int] | None = None,
        inclusion: int | None = None,
        entries_from: int | None = None,
    ) -> ReadLogReply:
        """One part of the peer's log: `checkpoint` or a hash tile, a proof, or entries of this pair; unverified."""
        request = ReadLogRequest(lab=self._own_lab, file=file, inclusion=inclusion, entries_from=entries_from)
        if consistency is not None:
            request.consistency.CopyFrom(ConsistencyRange(old=consistency[0], new=consistency[1]))
        reply = await self._call(self._peers.ReadLog, request)
        check_log_reply(reply)
        return reply

    async def own_log(
        self, origin: str, *, leaves_from: int | None = None, entries_from: int | None = None
    ) -> OwnLogReply:
        """What the peer keeps of this lab's own log `origin`: leaf hashes, or entries of this pair; unverified."""
        request = OwnLogRequest(
            lab=self._own_lab, origin=origin, leaves_from=leaves_from, entries_from=entries_from
        )
        reply = await self._call(self._peers.OwnLog, request)
        check_own_log_reply(reply)
        return reply

    def run(self) -> InitiatorStream:
        """Open the stream of one session. The connection is made behind the first `send` or `receive`."""
        self._check_open()
        return InitiatorStream(self.lab, self._sessions.Run())

    async def close(self) -> None:
        """End the connection and every call on it (PeerUnreachable there). Closing twice is harmless."""
        self._closed = True
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Reply], request: Request
    ) -> Reply:
        self._check_open()
        try:
            reply: Reply | None = await method(request, timeout=self._unary_seconds)
        except grpc.aio.AioRpcError as failure:
            raise error_of(self.lab, failure) from failure
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # grpc.aio tells of a closed channel like this too; the caller itself was not cancelled.
            self._check_open()
            raise
        if reply is None:
            # grpc.aio hands out None for bytes that are no message of the expected type.
            raise ProtocolFault(f"{self.lab} answered with bytes that are no reply")
        return reply

    def _check_open(self) -> None:
        if self._closed:
            raise PeerUnreachable(
                f"the connection to {self.lab} was closed on this side", fault=Fault.CANCELLED
            )
