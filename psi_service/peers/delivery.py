"""Dialling a pinned peer: clients for its calls, and the delivery of a signed note."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psi_client.channel import PeerEndpoint, TlsIdentity
from psi_client.initiator_stream import InitiatorStream
from psi_client.peer_client import PeerClient

from psi_service.peers.directory import PeerDirectory
from psi_service.peers.open_calls import OpenCalls


class Delivery:
    """Everything this node starts towards a peer. Removing the peer ends its streams."""

    def __init__(self, own: TlsIdentity, directory: PeerDirectory, calls: OpenCalls) -> None:
        self._own = own
        self._directory = directory
        self._calls = calls

    def client(self, lab: str) -> PeerClient:
        """A client for `lab`, closed by the caller (`async with`). Raises NotFound when it is not pinned."""
        return PeerClient(self._own, PeerEndpoint.of(self._directory.get(lab)))

    @asynccontextmanager
    async def stream(self, lab: str) -> AsyncIterator[InitiatorStream]:
        """A session's stream to `lab`, on a connection of its own. Raises NotFound when it is not pinned."""
        async with self.client(lab) as client:
            stream = client.run()
            with self._calls.entered(lab, stream.cut):
                try:
                    yield stream
                finally:
                    await stream.close()

    async def deliver(self, lab: str, note: bytes) -> str:
        """Hand `note` (an invite, an agreement, a revocation) to `lab`.

        Returns waiting, in_force, revoked or known. Raises NotFound, PeerUnreachable, ProtocolFault, Refused,
        or PeerError with what the peer said.
        """
        async with self.client(lab) as client:
            return await client.deliver(note)
