"""Dialling a pinned peer: clients for its calls, and the delivery of a signed note."""

from __future__ import annotations

from psi_client.channel import PeerEndpoint, TlsIdentity
from psi_client.peer_client import PeerClient
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pinned import Pinned


class Delivery:
    """Dials the peers of `directory`; `calls` ends what is under way when a peer is removed or the node stops."""

    def __init__(self, own: TlsIdentity, directory: Pinned, calls: OpenCalls) -> None:
        self._own = own
        self._directory = directory
        self._calls = calls

    def client(self, lab: str) -> PeerClient:
        """A client for `lab`, closed by the caller (`async with`). Raises NotFound when it is not pinned."""
        return PeerClient(self._own, PeerEndpoint.of(self._directory.get(lab)))

    async def deliver(self, lab: str, note: bytes) -> str:
        """Hand `note` (an invite, an agreement, a revocation) to `lab`.

        Returns waiting, in_force, revoked or known. Raises NotFound, PeerUnreachable, ProtocolFault, Refused,
        PeerError with what the peer said, or the reason why the calls with `lab` were ended meanwhile.
        """
        async with self.client(lab) as client:
            with self._calls.until_ended(lab):
                return await client.deliver(note)
