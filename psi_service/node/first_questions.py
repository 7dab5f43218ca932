"""What a node asks its peers when it starts: the copies they keep of its checkpoints, then unsettled sessions.

A peer that is away is not waited for: its sessions are settled before the next Offer. A copy that the log does
not extend makes the node refuse from then on.
"""

from __future__ import annotations

import asyncio

import structlog

from psi_core.errors import PsiError
from psi_service.log.node_log import NodeLog
from psi_service.peers.delivery import Delivery
from psi_service.peers.directory import PeerDirectory
from psi_service.sessions.service import SessionService

log = structlog.get_logger()


class FirstQuestions:
    """Asked once, in the background, after both ports are open."""

    def __init__(
        self, node_log: NodeLog, peers: PeerDirectory, delivery: Delivery, sessions: SessionService
    ) -> None:
        self._log = node_log
        self._peers = peers
        self._delivery = delivery
        self._sessions = sessions

    async def ask(self) -> None:
        """Ask every pinned peer, all at once. What fails is in the journal; nothing of the error tree is raised."""
        async with asyncio.TaskGroup() as group:
            for card in self._peers.list():
                group.create_task(self._ask(card.lab))
        if self._log.refusal is not None:
            log.error("the node signs nothing", reason=self._log.refusal)

    async def _ask(self, lab: str) -> None:
        try:
            async with self._delivery.client(lab) as client:
                copies = await client.own_checkpoints()
            await self._log.check_peer_copies((copy.note for copy in copies), lab)
            self._log.check()
            await self._sessions.settle(lab)
        except PsiError as fault:
            log.warning("peer not asked at start", peer=lab, code=fault.code, reason=fault.message)
