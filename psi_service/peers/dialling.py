"""A session's connection to a pinned peer: its stream ends when the peer is removed or the node stops."""

from __future__ import annotations

from contextlib import ExitStack

from psi_client.initiator_stream import InitiatorStream
from psi_client.peer_client import PeerClient
from psi_core.wire.peers_pb2 import ReadLogReply, SettleReply
from psi_service.peers.delivery import Delivery
from psi_service.peers.open_calls import OpenCalls


class PeerConnection:
    """An open connection for one session. Close it; its streams are entered as open calls until then."""

    def __init__(self, client: PeerClient, calls: OpenCalls) -> None:
        self._client = client
        self._calls = calls
        self._entered = ExitStack()

    def run(self) -> InitiatorStream:
        """Open the stream of one session."""
        stream = self._client.run()
        self._entered.enter_context(self._calls.entered(self._client.lab, stream.cut))
        return stream

    async def settle(self, session_id: str, *, record: bytes = b"", abort: bytes = b"") -> SettleReply:
        """Exchange what both sides hold of a session; see PeerClient.settle."""
        return await self._client.settle(session_id, record=record, abort=abort)

    async def read_log(self, *, entries_from: int) -> ReadLogReply:
        """Entries of the pair in the peer's log, from a position on; see PeerClient.read_log."""
        return await self._client.read_log(entries_from=entries_from)

    async def close(self) -> None:
        """End the connection."""
        self._entered.close()
        await self._client.close()


class Dialler:
    """Dials pinned peers for sessions."""

    def __init__(self, delivery: Delivery, calls: OpenCalls) -> None:
        self._delivery = delivery
        self._calls = calls

    async def dial(self, lab: str) -> PeerConnection:
        """A connection to `lab`, made behind its first call. Raises NotFound when it is not pinned."""
        return PeerConnection(self._delivery.client(lab), self._calls)
