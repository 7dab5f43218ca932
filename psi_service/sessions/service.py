"""All sessions of the node: starting them, answering them, settling them, ending them when the node stops."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress

import structlog

from psi_core.agreement.agreement import Agreement
from psi_core.engines.choice import AUTO, choose
from psi_core.errors import Conflict, InputError, NotFound, PsiError
from psi_core.identity.card import Card
from psi_core.session.opening import Direction, Reveal
from psi_core.wire.peers_pb2 import SettleReply, SettleRequest
from psi_service.sessions import views
from psi_service.sessions.books import Desk
from psi_service.sessions.dialling import Dialling
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.plan import Plan
from psi_service.sessions.progress import Progress, Watch
from psi_service.sessions.resumptions import Suspended
from psi_service.sessions.running import Running
from psi_service.sessions.settling import Settling
from psi_service.sessions.surroundings import Surroundings

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
        self._settling = Settling(desk, around)
        self._dialling = Dialling(desk, around, freezer, running)
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
        ends is told by its caller, not by the journal. A suspended session that is just that goes on, under its id.
        Raises NotFound, InputError, Conflict (too many sessions, or the node is stopping) or NodeRefusing before
        anything begins.
        """
        self._desk.log.check()
        peer = self._around.card_of(lab)
        terms = await self._around.agreement_of(bytes.fromhex(agreement))
        terms.other(self._desk.lab)
        plan = self._plan(terms, direction, reveal, match_keys, engine)
        suspended = await self._dialling.going_on.wished(plan)
        if suspended is not None:
            return self._start_again(suspended, peer, quiet=quiet)
        progress = Progress(plan.session_id, self._watch)
        self._running.start(plan.session_id, progress, self._dialling.run(plan, peer, progress), quiet=quiet)
        return plan.session_id

    def _start_again(self, suspended: Suspended, peer: Card, *, quiet: bool) -> str:
        session_id = suspended.session_id
        if not self._running.is_running(session_id):
            words = f"session {session_id[:8]}, suspended at {suspended.percent} %"
            log.info("going on with a suspended session", session=session_id, peer=peer.lab, which=words)
            progress = Progress(session_id, self._watch)
            progress.resumed_at = suspended.percent
            run = self._dialling.run_again(session_id, peer, progress)
            self._running.start(session_id, progress, run, quiet=quiet)
        return session_id

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
            view = await self._desk.store.query(
                lambda db: views.one(db, session_id, self._desk.lab, self._desk.now())
            )
        except NotFound:
            if progress is None:
                raise
            self._running.raise_failure(session_id)
            raise Conflict(f"session {session_id} has not made its offer yet; ask again") from None
        return view if progress is None else view.with_progress(progress)

    async def list(self, peer: str | None = None, limit: int = 50) -> list[views.SessionView]:
        """The newest sessions first."""
        found = await self._desk.store.query(
            lambda db: views.newest(db, self._desk.lab, peer, limit, self._desk.now())
        )
        live = ((view, self._running.progress(view.session_id)) for view in found)
        return [view if progress is None else view.with_progress(progress) for view, progress in live]

    def phase(self, session_id: str) -> Progress | None:
        """Where a session stands that runs, or ran since the node started; None for any other."""
        return self._running.progress(session_id)

    async def give_up(self, session_id: str) -> views.SessionView:
        """Abort a suspended session, and tell its peer when it can be reached. Raises NotFound, Conflict."""
        suspended = await self._around.keys.resumptions.suspended(session_id)
        if self._running.is_running(session_id):
            raise Conflict(
                f"session {session_id[:8]} is running, or is being taken up again. Wait until it has ended"
            )
        if suspended is None:
            view = await self.get(session_id)
            raise Conflict(f"session {session_id[:8]} is not suspended: it is {view.state}")
        await self._dialling.ending.give_up(session_id, "given up by a person")
        view = await self.get(session_id)
        with suppress(PsiError):
            await self._dialling.settle(self._around.card_of(view.peer), session_id)
        return view

    async def abort_lapsed(self) -> None:
        """Abort suspended sessions whose time, agreement or set is over."""
        await self._dialling.ending.abort_lapsed(self._running.is_running)

    async def settle(self, lab: str) -> None:
        """Bring every unfinished session with `lab` to its end, with the peer's help.

        Raises PeerError when the peer cannot be asked, VerificationError when what it shows does not verify.
        """
        await self._dialling.settle(self._around.card_of(lab))

    async def answer_settle(self, lab: str, request: SettleRequest) -> SettleReply:
        """A pinned peer asks what we hold of a session. Raises Conflict while that session still runs here."""
        if self._running.is_running(request.session_id):
            raise Conflict("this session is still running here; ask again when it has ended")
        peer = self._around.card_of(lab)
        reply = await self._settling.answer(request, peer)
        if reply.unknown and request.record and self._dialling.signed_here(peer, request.record):
            # We signed a record of it and have forgotten it: the peer's log has this session, and maybe others.
            await self._dialling.catch_up(lab)
            reply = await self._settling.answer(request, peer)
        return reply

    async def settle_all(self, labs: Sequence[str]) -> None:
        """At start: abort what can never be completed, then ask every peer. One that is away is asked later."""
        await self._dialling.ending.abort_hopeless()
        await self._around.keys.resumptions.sweep()
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
