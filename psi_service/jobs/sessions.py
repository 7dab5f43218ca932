"""The jobs' door to sessions: run one to its end, and say how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from psi_core.agreement.agreement import Agreement
from psi_core.errors import NotFound, PsiError
from psi_service.agreements.service import AgreementService
from psi_service.jobs.wishes import Wishes
from psi_service.sessions.service import SessionService
from psi_service.sessions.views import SessionView
from psi_service.sessions.widest import widest


@dataclass(frozen=True)
class Ended:
    """How one session ended: as it is in the store, when it came to an offer, and the error, when there was one."""

    session: SessionView | None
    fault: PsiError | None = None


class RunsSessions(Protocol):
    """What jobs need of sessions; a test puts a world without peers in its place."""

    async def agreement(self, wishes: Wishes) -> Agreement:
        """The agreement to run under. Raises NotFound, Conflict, InputError."""

    async def check(self, wishes: Wishes) -> None:
        """Raise what would keep every session of these wishes from starting."""

    async def run(self, wishes: Wishes, agreement: Agreement) -> Ended:
        """One session to its end. Raises what kept it from starting."""

    async def settled(self, session: SessionView) -> SessionView:
        """An unfinished session after the peer was asked to settle it. Raises PeerError, VerificationError."""


class NodeSessions:
    """RunsSessions over the node's own services."""

    def __init__(self, sessions: SessionService, agreements: AgreementService, own_lab: str) -> None:
        self._sessions = sessions
        self._agreements = agreements
        self._own_lab = own_lab

    async def agreement(self, wishes: Wishes) -> Agreement:
        """The agreement named, or the only one in force with that lab today."""
        return await self._agreements.in_force(wishes.peer, wishes.agreement)

    async def check(self, wishes: Wishes) -> None:
        """The lab is pinned, the agreement in force, its match keys are agreed, the engine is here."""
        agreement = await self.agreement(wishes)
        self._sessions.check(wishes.peer, agreement, wishes.reveal, wishes.match_keys, wishes.engine)

    async def run(self, wishes: Wishes, agreement: Agreement) -> Ended:
        """Start a session, and wait until it is over."""
        session_id = await self._sessions.start(
            wishes.peer,
            agreement=agreement.hash().hex(),
            direction=wishes.direction or widest(agreement, self._own_lab),
            reveal=wishes.reveal,
            match_keys=wishes.match_keys,
            engine=wishes.engine,
            quiet=True,
        )
        try:
            session = await self._sessions.wait(session_id)
        except NotFound:
            session = None
        return Ended(session, self._sessions.failure(session_id))

    async def settled(self, session: SessionView) -> SessionView:
        """Settle whatever is unfinished with the peer, then look again."""
        await self._sessions.settle(session.peer)
        return await self._sessions.get(session.session_id)
