"""Going on with a suspended session, on both sides: under the same texts, on the same sets, with the same bytes.

initiator                                         responder
    │  Resume: session id, ctx, chunks held ─────────▶│  of this peer? ctx? may it still? chunks held
    │◀──────────── Resumed: chunks held | Abort       │  logs nothing, spends nothing
    │◀═ the exchange, from behind the receiver's last answered chunk on ═▶│
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any, cast

import sqlite_utils

from psi_core.engines.oprf.evidence import unproven_statement
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.lane import sender_side
from psi_core.errors import Conflict, NotFound, ProtocolFault, SessionError
from psi_core.identity.card import Card
from psi_core.identity.instant import moment
from psi_core.session.closing import Record
from psi_core.session.opening import Accept, Offer
from psi_core.session.roles import Side
from psi_core.wire.session_pb2 import Resume, Resumed
from psi_service.sessions.books import Desk
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.epoch_keys import LaneKey, LaneKeys
from psi_service.sessions.exchange import Exchange
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.open_resumption import OpenResumption
from psi_service.sessions.open_session import OpenSession
from psi_service.sessions.progress import Phase, Progress
from psi_service.sessions.resumptions import receiver_sizes
from psi_service.sessions.surroundings import Surroundings


@dataclass(frozen=True)
class Broken:
    """A session as the store holds it, its texts verified before they were stored."""

    offer: Offer
    accept: Accept
    row: dict[str, Any] = field(repr=False)

    @property
    def state(self) -> str:
        """As in the table of sessions."""
        return str(self.row["state"])


class Resuming:
    """Runs sessions that go on. Whoever calls it logs how they end (`Ending.guarded`)."""

    def __init__(self, desk: Desk, around: Surroundings, freezer: Freezer) -> None:
        self._desk = desk
        self._around = around
        self._freezer = freezer

    async def asked(self, request: Resume, peer: Card) -> Broken:
        """Responder: the session that `peer` wants to go on with. Nothing is changed.

        Raises NotFound for one that it never started here, ProtocolFault when it names another context.
        """
        found = await self._held(request.session_id, peer, initiator=peer.lab)
        ctx = OpenSession("responder", found.offer, found.accept, peer, (), b"", (), ()).ctx
        if not hmac.compare_digest(request.ctx, ctx):
            raise ProtocolFault("Resume names another context than Offer and Accept give")
        return found

    async def answer(
        self, found: Broken, request: Resume, peer: Card, conversation: Conversation, progress: Progress
    ) -> Record:
        """Responder: go on, to the signed record. Raises SessionError when it cannot, and whatever Exchange raises."""
        session, kept = await self._reopened("responder", found, peer)
        try:
            answered = kept.agreed(request.answered)
            await self._goes_on(session.session_id)
            await conversation.send("resumed", Resumed(answered=kept.answered))
        except BaseException:
            kept.close()
            raise
        return await self._exchange(session, kept, answered, conversation, progress)

    async def run(
        self, session_id: str, peer: Card, conversation: Conversation, progress: Progress
    ) -> Record:
        """Initiator: go on, to the signed record. Raises SessionError when it cannot, and whatever Exchange raises."""
        found = await self._held(session_id, peer, initiator=self._desk.lab)
        session, kept = await self._reopened("initiator", found, peer)
        try:
            asking = Resume(session_id=session_id, ctx=session.ctx, answered=kept.answered)
            await conversation.send("resume", asking)
            _, body = await conversation.expect("resumed")
            answered = kept.agreed(cast(Resumed, body).answered)
            await self._goes_on(session_id)
        except BaseException:
            kept.close()
            raise
        return await self._exchange(session, kept, answered, conversation, progress)

    async def seconds(self, session_id: str) -> float:
        """How long it may run now: no longer than its blinds may be kept."""
        longest = self._around.limits.session_seconds
        found = await self._around.keys.resumptions.suspended(session_id)
        if found is None:
            return longest
        return min(longest, (moment(found.until) - self._desk.clock()).total_seconds())

    async def _exchange(
        self,
        session: OpenSession,
        kept: OpenResumption,
        answered: int,
        conversation: Conversation,
        progress: Progress,
    ) -> Record:
        progress.left_out = sum(each.left_out for each in session.frozen)
        progress.enter(Phase.BEGUN)
        exchange = Exchange(session, conversation, self._desk, self._around, progress)
        return await exchange.run(kept, answered)

    async def _goes_on(self, session_id: str) -> None:
        if not await self._around.keys.resumptions.resumed(session_id):
            raise SessionError("the session may not go on any more: its time or its agreement is over")

    async def _held(self, session_id: str, peer: Card, *, initiator: str) -> Broken:
        def work(db: sqlite_utils.Database) -> list[dict[str, Any]]:
            where = "SELECT * FROM sessions WHERE session_id = ? AND peer = ? AND initiator = ?"
            return list(db.query(where, (session_id, peer.lab, initiator)))

        rows = await self._desk.store.query(work)
        if not rows or rows[0]["accept"] is None:
            raise NotFound(f"there is no session {session_id} that {initiator} could go on with")
        return Broken(Offer.unverified(rows[0]["offer"]), Accept.unverified(rows[0]["accept"]), rows[0])

    async def _reopened(self, side: Side, found: Broken, peer: Card) -> tuple[OpenSession, OpenResumption]:
        """The session as it was when it broke off, and what was kept of it."""
        offer, accept, resumptions = found.offer, found.accept, self._around.keys.resumptions
        if await resumptions.suspended(offer.session_id) is None:
            raise SessionError("the session cannot go on: nothing is kept of it, or its time is over")
        # Before the set is read: a purge from here on is seen by it, one before has ended this session.
        stands = self._freezer.stillness.watch()
        key = await self._around.consortium_key()
        if key.key_id != offer.consortium_key_id:
            raise SessionError("the session cannot go on: the consortium key has changed since it began")
        keys = await self._lane_keys(side, offer, accept)
        nothing = (None,) * len(offer.lanes)
        session = OpenSession(side, offer, accept, peer, (), key.key, keys, nothing)
        kept = await resumptions.reopen(
            offer.session_id, stands, receiver_sizes(session), sends=sender_side(offer.direction) == side
        )
        frozen = tuple(head.frozen for head in kept.heads)
        return OpenSession(side, offer, accept, peer, frozen, key.key, keys, nothing), kept

    async def _lane_keys(self, side: Side, offer: Offer, accept: Accept) -> LaneKeys:
        """The keys that Offer or Accept showed; ours only while their epochs last."""
        sender = sender_side(offer.direction)
        shown = offer if sender == "initiator" else accept
        return tuple(
            [
                await self._lane_key(unproven_statement(lane.key), own=sender == side)
                for lane in shown.lanes
                if lane.key is not None
            ]
        )

    async def _lane_key(self, statement: KeyStatement, *, own: bool) -> LaneKey:
        """Proven, or made here, before the text was signed or answered."""
        if not own:
            return LaneKey(statement)
        try:
            return await self._around.keys.of_statement(statement)
        except NotFound as ended:
            raise SessionError(f"the session cannot go on: {ended.message}") from ended


def check_resumable(found: Broken) -> None:
    """Raise Conflict for a session that is past its barrier, or has ended otherwise than by an Abort."""
    if found.state != "open" or found.row["pre_recorded"] is not None:
        raise Conflict("this session is past the point where it could go on; settle it")
