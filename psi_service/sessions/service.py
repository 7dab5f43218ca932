"""All sessions of the node: starting them, answering them, settling them, ending them when the node stops."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Sequence

import structlog

from psi_core.agreement.agreement import Agreement
from psi_core.engines.choice import AUTO, choose
from psi_core.errors import Conflict, InputError, NotFound, PsiError, Refused
from psi_core.identity.card import Card
from psi_core.session.opening import Direction, Reveal
from psi_core.wire.peers_pb2 import SettleReply, SettleRequest
from psi_service.sessions import views
from psi_service.sessions.adopting import Adopted
from psi_service.sessions.books import Desk
from psi_service.sessions.catching_up import CatchingUp
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.ending import Ending
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.initiator import Initiator
from psi_service.sessions.plan import Plan
from psi_service.sessions.progress import Phase, Progress, Watch
from psi_service.sessions.running import Running
from psi_service.sessions.settling import Settling
from psi_service.sessions.surroundings import Dialled, Surroundings

log = structlog.get_logger()


class SessionService:
    """The room's one door for people and jobs; incoming streams come through `IncomingSessions`."""

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
        self._initiator = Initiator(desk, around, freezer)
        self._settling = Settling(desk, around)
        self._ending = Ending(desk)
        self._catching_up = CatchingUp(desk)
        self._dialling: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watch = watch

    async def start(
        self,
        lab: str,
        *,
        agreement: str,
        direction: Direction,
        reveal: Reveal = "items",
        match_keys: Sequence[str] | None = None,
        engine: str = AUTO,
        quiet: bool = False,
    ) -> str:
        """Start a session with a pinned lab in the background and return its id (16 bytes in hex).

        `agreement` is the text hash in hex; without `match_keys` every agreed one gets a lane; how a `quiet` one
        ends is told by its caller, not by the journal. Raises NotFound, InputError, Conflict (too many sessions,
        or the node is stopping) or NodeRefusing before anything begins.
        """
        self._desk.log.check()
        peer = self._around.card_of(lab)
        terms = await self._around.agreement_of(bytes.fromhex(agreement))
        terms.other(self._desk.lab)
        plan = self._plan(terms, direction, reveal, match_keys, engine)
        progress = Progress(plan.session_id, self._watch)
        self._running.start(plan.session_id, progress, self._run(plan, peer, progress), quiet=quiet)
        return plan.session_id

    def check(
        self, lab: str, agreement: Agreement, reveal: Reveal, match_keys: Sequence[str] | None, engine: str
    ) -> None:
        """Raise what `start` would for such wishes."""
        self._around.card_of(lab)
        self._plan(agreement, "both", reveal, match_keys, engine)

    def failure(self, session_id: str) -> PsiError | None:
        """What a session of ours failed with, if it did since the node started; a Refused names its rule."""
        return self._running.failure(session_id)

    async def wait(self, session_id: str) -> views.SessionView:
        """Wait until a session that was started here is over; its error, if it never became an Offer, is raised."""
        await self._running.wait(session_id)
        return await self.get(session_id)

    async def get(self, session_id: str) -> views.SessionView:
        """One session, with where it stands. Raises NotFound, or the error of one that never became an Offer."""
        progress = self._running.progress(session_id)
        try:
            view = await self._desk.store.query(lambda db: views.one(db, session_id, self._desk.lab))
        except NotFound:
            if progress is None:
                raise
            self._running.raise_failure(session_id)
            raise Conflict(f"session {session_id} has not made its offer yet; ask again") from None
        return view if progress is None else view.with_progress(progress)

    async def list(self, peer: str | None = None, limit: int = 50) -> list[views.SessionView]:
        """The newest sessions first."""
        found = await self._desk.store.query(lambda db: views.newest(db, self._desk.lab, peer, limit))
        live = ((view, self._running.progress(view.session_id)) for view in found)
        return [view if progress is None else view.with_progress(progress) for view, progress in live]

    def phase(self, session_id: str) -> Progress | None:
        """Where a session stands that runs, or ran since the node started; None for any other."""
        return self._running.progress(session_id)

    async def settle(self, lab: str) -> None:
        """Bring every unfinished session with `lab` to its end, with the peer's help.

        Raises PeerError when the peer cannot be asked, VerificationError when what it shows does not verify.
        """
        connection = await self._around.dial(lab)
        try:
            await self._settle_over(connection, self._around.card_of(lab))
        finally:
            await connection.close()

    async def answer_settle(self, lab: str, request: SettleRequest) -> SettleReply:
        """A pinned peer asks what we hold of a session. Raises Conflict while that session still runs here."""
        if self._running.is_running(request.session_id):
            raise Conflict("this session is still running here; ask again when it has ended")
        peer = self._around.card_of(lab)
        reply = await self._settling.answer(request, peer)
        if reply.unknown and request.record and self._catching_up.signed_here(peer, request.record):
            # We signed a record of it and have forgotten it: the peer's log has this session, and maybe others.
            await self._catch_up(lab)
            reply = await self._settling.answer(request, peer)
        return reply

    async def settle_all(self, labs: Sequence[str]) -> None:
        """At start: abort what can never be completed, then ask every peer. One that is away is asked later."""
        await self._ending.abort_hopeless()
        await self._around.keys.generations.sweep()
        await self._around.keys.bundles.sweep()
        for lab in labs:
            try:
                await self.settle(lab)
            except PsiError as fault:
                log.warning("unsettled sessions remain", peer=lab, code=fault.code, reason=str(fault))

    def _plan(
        self,
        agreement: Agreement,
        direction: Direction,
        reveal: Reveal,
        match_keys: Sequence[str] | None,
        engine: str,
    ) -> Plan:
        choose(
            engine,
            reveal=reveal,
            own_size=0,
            agreed=agreement.engines,
            available=self._around.engines,
        )
        agreed = tuple(terms.match_key for terms in agreement.match_keys)
        chosen = tuple(dict.fromkeys(match_keys)) if match_keys else agreed
        unknown = [name for name in chosen if name not in agreed]
        if unknown:
            raise InputError(f"match key not agreed: {', '.join(unknown)}. Agreed are {', '.join(agreed)}.")
        return Plan(secrets.token_hex(16), agreement, direction, reveal, chosen, engine)

    async def _run(self, plan: Plan, peer: Card, progress: Progress) -> None:
        """One session of ours to its end; one at a time towards each peer, and only when there is a place."""
        async with self._dialling[peer.lab], self._running.place():
            progress.enter(Phase.SETTLING)
            await self._dial(plan, peer, progress)

    async def _dial(self, plan: Plan, peer: Card, progress: Progress) -> None:
        connection = await self._around.dial(peer.lab)
        try:
            await self._settle_over(connection, peer)
            stream = connection.run()
            conversation = Conversation(
                stream, idle_seconds=self._around.limits.idle_seconds, peer=peer.document_verifier
            )
            try:
                await self._ending.guarded(
                    plan.session_id,
                    conversation,
                    self._initiator.run(plan, peer, conversation, progress),
                    seconds=self._around.limits.session_seconds,
                )
            except Refused as refusal:
                raise await self._explained(refusal, peer) from refusal
            await stream.close()
        finally:
            await connection.close()

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
            found = await self._catch_up(peer.lab)
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

    async def _catch_up(self, lab: str) -> Adopted:
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
