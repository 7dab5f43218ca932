"""What the node does with a pinned peer's calls: each goes to the room that answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psi_client.hello import NodeFacts
from psi_core.errors import NotFound
from psi_core.identity.card import Card
from psi_core.kinds.registry import PROFILE
from psi_core.session.opening import PROTOCOL
from psi_core.wire.session_pb2 import Checkpoint
from psi_service.consortium.service import ConsortiumService
from psi_service.grpc_server.incoming_notes import IncomingNotes
from psi_service.grpc_server.peers_servicer import PeerHandlers
from psi_service.log.mirror import Mirror
from psi_service.log.peer_view import PeerView
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.service import SessionService


class PeerCalls:
    """Handlers of the service Peers; `lab` is always the caller, checked against its pin by then."""

    def __init__(
        self,
        card: Card,
        version: str,
        consortium: ConsortiumService,
        notes: IncomingNotes,
        sessions: SessionService,
        checkpoints: Checkpoints,
        *,
        card_of: Callable[[str], Card],
        view: PeerView,
        mirror: Mirror,
    ) -> None:
        self._card = card
        self._version = version
        self._consortium = consortium
        self._notes = notes
        self._sessions = sessions
        self._checkpoints = checkpoints
        self._card_of = card_of
        self._view = view
        self._mirror = mirror

    @property
    def handlers(self) -> PeerHandlers:
        """As the servicer takes them."""
        return PeerHandlers(
            hello=self.facts,
            deliver=self._notes.received,
            settle=self._sessions.answer_settle,
            own_checkpoints=self.own_checkpoints,
            cosign=self.cosign,
            read_log=self._view.read,
            own_log=self._mirror.read,
        )

    async def facts(self) -> NodeFacts:
        """What this node says of itself in Hello."""
        try:
            key_id = (await self._consortium.current()).key_id
        except NotFound:
            key_id = ""
        return NodeFacts(
            lab=self._card.lab,
            protocols=(PROTOCOL,),
            profile=PROFILE,
            consortium_key_id=key_id,
            card_fingerprint=self._card.fingerprint(),
            version=self._version,
        )

    async def own_checkpoints(self, lab: str) -> Sequence[Checkpoint]:
        """The caller's own checkpoints that are kept here, newest last."""
        kept = await self._checkpoints.of_peer(lab, self._card_of(lab).log_origin)
        return [Checkpoint(note=note) for note in kept]

    async def cosign(self, lab: str, checkpoint: Checkpoint) -> Checkpoint:
        """A checkpoint of the caller's log, cosigned when its proof starts where this node stands."""
        return await self._checkpoints.witness(self._card_of(lab), checkpoint, log_it=False)
