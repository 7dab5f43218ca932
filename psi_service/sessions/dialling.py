"""The initiator's way to a peer and through one session: make way, settle, dial, run, dial again when it broke off."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from psi_core.errors import Conflict, PsiError, Refused
from psi_core.identity.card import Card
from psi_core.session.closing import Record
from psi_service.sessions.adopting import Adopted
from psi_service.sessions.books import Desk
from psi_service.sessions.catching_up import CatchingUp
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.ending import Ending
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.going_on import GoingOn
from psi_service.sessions.initiator import Initiator
from psi_service.sessions.plan import Plan
from psi_service.sessions.progress import Phase, Progress
from psi_service.sessions.resuming import Resuming
from psi_service.sessions.running import Running
from psi_service.sessions.settling import Settling
from psi_service.sessions.surroundings import Dialled, Surroundings

log = structlog.get_logger()


class Dialling:
    """Everything that this node asks of a peer about sessions."""

    def __init__(self, desk: Desk, around: Surroundings, freezer: Freezer, running: Running) -> None:
        self._around = around
        self._running = running
        self._initiator = Initiator(desk, around, freezer)
        self._resuming = Resuming(desk, around, freezer)
        self._settling = Settling(desk, around)
        self._catching_up = CatchingUp(desk)
        self._dialling: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.ending = Ending(desk, around.keys.resumptions)
        self.going_on = GoingOn(desk, around.keys.resumptions, around.limits.redial_seconds)

    async def run(self, plan: Plan, peer: Card, progress: Progress) -> None:
        """A new session to its end. Raises what it ended with."""
        await self._persist(plan.session_id, peer, progress, lambda: self._dial(plan, peer, progress))

    async def run_again(self, session_id: str, peer: Card, progress: Progress) -> None:
        """A suspended session to its end. Raises what it ended with."""
        await self._persist(session_id, peer, progress, lambda: self._redial(session_id, peer, progress))

    async def settle(self, peer: Card, session_id: str | None = None) -> None:
        """Bring every unfinished session with a peer to its end, or this one.

        Raises PeerError when the peer cannot be asked, VerificationError when what it shows does not verify.
        """
        connection = await self._around.dial(peer.lab)
        try:
            if session_id is None:
                await self._settle_over(connection, peer)
            else:
                await self._settling.settle(session_id, peer, connection)
        finally:
            await connection.close()

    async def _persist(
        self, session_id: str, peer: Card, progress: Progress, first: Callable[[], Awaitable[None]]
    ) -> None:
        """One session of ours to its end; one at a time towards each peer, and only when there is a place."""
        async with self._dialling[peer.lab], self._running.place():
            progress.enter(Phase.SETTLING)
            await self.going_on.persistently(
                session_id, first, lambda: self._redial(session_id, peer, progress)
            )

    async def _dial(self, plan: Plan, peer: Card, progress: Progress) -> None:
        await self._make_way(plan)
        connection = await self._around.dial(peer.lab)
        try:
            await self._settle_over(connection, peer)
            try:
                await self._converse(
                    connection,
                    peer,
                    plan.session_id,
                    lambda conversation: self._initiator.run(plan, peer, conversation, progress),
                    self._around.limits.session_seconds,
                )
            except Refused as refusal:
                raise await self._explained(refusal, peer) from refusal
        finally:
            await connection.close()

    async def _redial(self, session_id: str, peer: Card, progress: Progress) -> None:
        """Go on with a suspended session."""
        connection = await self._around.dial(peer.lab)
        try:
            await self._converse(
                connection,
                peer,
                session_id,
                lambda conversation: self._resuming.run(session_id, peer, conversation, progress),
                await self._resuming.seconds(session_id),
            )
        finally:
            await connection.close()

    async def _converse(
        self,
        connection: Dialled,
        peer: Card,
        session_id: str,
        run: Callable[[Conversation], Coroutine[Any, Any, Record]],
        seconds: float,
    ) -> None:
        stream = connection.run()
        conversation = Conversation(
            stream, idle_seconds=self._around.limits.idle_seconds, peer=peer.document_verifier
        )
        await self.ending.guarded(session_id, conversation, run(conversation), seconds=seconds)
        await stream.close()

    async def _make_way(self, plan: Plan) -> None:
        """One session at a time is open under an agreement: those that are suspended with other wishes are given up."""
        await self.ending.abort_lapsed(self._running.is_running)
        if (same := await self.going_on.wished(plan)) is not None:
            words = f"session {same.session_id[:8]} has just broken off, and is suspended. Start it again: it goes on."
            raise Conflict(words)
        for each in await self.going_on.others(plan):
            await self.ending.give_up(each.session_id, "given up for a session with other wishes")

    async def _settle_over(self, connection: Dialled, peer: Card) -> None:
        for session_id in await self._settling.to_settle(peer.lab):
            if not self._running.is_running(session_id):
                state = await self._settling.settle(session_id, peer, connection)
                log.info("session settled", session=session_id, peer=peer.lab, state=state)

    async def _explained(self, refusal: Refused, peer: Card) -> Refused:
        """The same refusal; when it proves that we have forgotten sessions, these are taken back first."""
        if refusal.by != peer.lab or not await self._catching_up.proves_forgetting(refusal.note, peer):
            return refusal
        try:
            found = await self.catch_up(peer.lab)
        except PsiError as fault:
            words = f"sessions of ours were not taken back from {peer.lab}'s log: {fault.message}"
            log.warning("sessions forgotten here", peer=peer.lab, code=fault.code, reason=fault.message)
        else:
            words = (
                f"{len(found.sessions)} sessions that this node had forgotten were taken back from its log"
            )
        return Refused(
            refusal.rule, f"{refusal.words} {words}. Start it again.", by=refusal.by, note=refusal.note
        )

    def signed_here(self, peer: Card, record: bytes) -> bool:
        """Whether a record that the peer shows has this lab's signature."""
        return self._catching_up.signed_here(peer, record)

    async def catch_up(self, lab: str) -> Adopted:
        """Once at a time for each peer, and to its end: a long log takes longer than the peer waits for an answer."""
        return await self._running.shared(f"catching-up-{lab}", lambda: self._take_back(lab))

    async def _take_back(self, lab: str) -> Adopted:
        connection = await self._around.dial(lab)
        try:
            found = await self._catching_up.catch_up(
                self._around.card_of(lab), connection, self._running.is_running
            )
        finally:
            await connection.close()
        log.warning("sessions taken back from a peer's log", peer=lab, sessions=len(found.sessions))
        return found
