"""Sessions that peers start: one incoming stream, from its first frame to its end."""

from __future__ import annotations

from typing import cast

import structlog

from psi_client.session_stream import SessionStream
from psi_core.errors import Refused
from psi_core.identity.card import Card
from psi_core.wire.session_pb2 import Resume
from psi_service.sessions.books import Desk
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.ending import Ending
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.patience import Patience
from psi_service.sessions.progress import Progress, Watch
from psi_service.sessions.responder import Responder
from psi_service.sessions.resuming import Resuming, check_resumable
from psi_service.sessions.running import Running
from psi_service.sessions.surroundings import Surroundings

log = structlog.get_logger()


class IncomingSessions:
    """Answers the streams that the gRPC server hands in."""

    def __init__(
        self,
        desk: Desk,
        around: Surroundings,
        freezer: Freezer,
        running: Running,
        *,
        watch: Watch | None = None,
    ) -> None:
        self._desk = desk
        self._around = around
        self._running = running
        self._responder = Responder(desk, around, freezer)
        self._resuming = Resuming(desk, around, freezer)
        self._ending = Ending(desk, around.keys.resumptions)
        self._patience = Patience(desk.clock)
        self._watch = watch

    async def serve(self, stream: SessionStream, lab: str) -> None:
        """Answer one stream of `lab`, whose certificate was checked against its pin.

        Its first frame is an Offer, or a Resume. Returns when the session is over or refused; raises a PsiError when
        it broke (already logged), which the server tells the peer as a status; Refused when nothing of this peer is
        read for now.
        """
        self._desk.log.check()
        self._patience.check(lab)
        peer = self._around.card_of(lab)
        limits = self._around.limits
        conversation = Conversation(stream, idle_seconds=limits.idle_seconds, peer=peer.document_verifier)
        name, body = await conversation.expect("offer", "resume")
        if name == "resume":
            await self._go_on(cast(Resume, body), peer, stream, conversation)
            return
        note = cast(bytes, body)
        offer = await self._responder.read_offer(peer, note)
        progress = Progress(offer.session_id, self._watch)
        try:
            async with self._running.answering(offer.session_id, progress, stream.cancel):
                await self._ending.guarded(
                    offer.session_id,
                    conversation,
                    self._responder.run(offer, note, peer, conversation, progress),
                    seconds=limits.session_seconds,
                )
        except Refused as refusal:
            self._patience.refused(lab)
            if not refusal.by:
                refusal = Refused(refusal.rule, refusal.words, by=self._desk.lab)
                await self._responder.refuse(offer, note, refusal, conversation)
            log.info("session refused", session=offer.session_id, peer=lab, rule=refusal.rule, by=refusal.by)

    async def _go_on(
        self, request: Resume, peer: Card, stream: SessionStream, conversation: Conversation
    ) -> None:
        """A session that broke off goes on; one that was aborted here meanwhile is answered with its Abort."""
        found = await self._resuming.asked(request, peer)
        # Here the break may not have been noticed yet, nor that of an older Resume, which waited here too.
        while self._running.is_running(request.session_id):
            await self._running.cut_off(request.session_id)
            found = await self._resuming.asked(request, peer)
        if found.state == "aborted":
            await conversation.send("abort", found.row["abort"])
            return
        check_resumable(found)
        progress = Progress(request.session_id, self._watch)
        log.info("going on with a session", session=request.session_id, peer=peer.lab)
        async with self._running.answering(request.session_id, progress, stream.cancel):
            await self._ending.guarded(
                request.session_id,
                conversation,
                self._resuming.answer(found, request, peer, conversation, progress),
                seconds=await self._resuming.seconds(request.session_id),
            )
