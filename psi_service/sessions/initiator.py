"""The side that dials: settle, freeze, Offer, decide on the Accept, Begin, then the exchange."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from psi_core.agreement.agreement import Agreement
from psi_core.errors import ProtocolFault, Refused
from psi_core.identity.card import Card
from psi_core.session.closing import Record
from psi_core.session.counter import ZEROS, proven_highest
from psi_core.session.opening import (
    PROTOCOL,
    Accept,
    Direction,
    EngineName,
    Lane,
    Offer,
    Refuse,
    Reveal,
    differences,
)
from psi_core.wire.session_pb2 import Begin
from psi_service.clock import instant
from psi_service.consortium.service import ConsortiumKey
from psi_service.sessions import questions
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.closing_books import ClosingBooks
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.exchange import Exchange
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.open_session import OpenSession
from psi_service.sessions.opening_books import Case, OpeningBooks
from psi_service.sessions.progress import Phase, Progress
from psi_service.sessions.surroundings import Surroundings
from psi_service.sessions.usage import OwnTerms


@dataclass(frozen=True)
class Plan:
    """What a person or a job asked for: one lane per match key, all with one engine."""

    session_id: str
    agreement: Agreement
    direction: Direction
    reveal: Reveal
    match_keys: tuple[str, ...]
    engine: str


class Initiator:
    """Runs sessions that this node starts."""

    def __init__(self, desk: Desk, around: Surroundings, freezer: Freezer) -> None:
        self._desk = desk
        self._around = around
        self._freezer = freezer
        self._opening = OpeningBooks(desk)
        self._closing = ClosingBooks(desk)
        self._checkpoints = Checkpoints(desk)

    async def run(self, plan: Plan, peer: Card, conversation: Conversation, progress: Progress) -> Record:
        """Run one session to its signed record. Raises Refused (by either policy) and whatever Exchange raises."""
        key = await self._around.consortium_key()
        progress.enter(Phase.FREEZING)
        async with self._freezer.frozen(peer.lab, plan.match_keys, key.key, plan.agreement) as frozen:
            draft = await self._draft(plan, peer, key, frozen)
            progress.left_out = sum(each.left_out for each in frozen)
            case = Case(
                questions.of_offer(draft, self._desk.lab),
                plan.agreement,
                OwnTerms(key.profile, key.key_id),
                frozen,
            )
            offer, note = await self._offer(draft, case)
        await conversation.send("offer", note)
        progress.enter(Phase.OFFERED)
        session = await self._begin(offer, peer, key, case, conversation)
        await conversation.send("begin", Begin(session_id=session.session_id, ctx=session.ctx))
        progress.enter(Phase.BEGUN)
        engines = tuple(self._around.engines[lane.engine] for lane in session.accept.lanes)
        exchange = Exchange(
            session, conversation, self._closing, self._checkpoints, engines, self._around.worker, progress
        )
        return await exchange.run()

    async def _offer(self, draft: Offer, case: Case) -> tuple[Offer, bytes]:
        try:
            return await self._opening.offer(draft, case)
        except Refused as refusal:
            raise Refused(refusal.rule, refusal.words, by=self._desk.lab) from None

    async def _draft(self, plan: Plan, peer: Card, key: ConsortiumKey, frozen: tuple[Frozen, ...]) -> Offer:
        engine = self._around.engines[plan.engine]
        now = self._desk.clock()
        lanes = tuple(
            Lane(
                match_key=each.match_key,
                engine=cast(EngineName, engine.name),
                variant=engine.variant,
                padded_size=each.snapshot.padded_size,
                snapshot=each.snapshot.root.hex(),
                parameters={},
            )
            for each in frozen
        )
        return Offer(
            protocol=PROTOCOL,
            initiator=self._desk.lab,
            responder=peer.lab,
            session_id=plan.session_id,
            agreement=plan.agreement.hash().hex(),
            period=plan.agreement.period_at(now),
            consortium_key_id=key.key_id,
            profile=key.profile,
            direction=plan.direction,
            reveal=plan.reveal,
            lanes=lanes,
            nonce=secrets.token_hex(32),
            checkpoint=(await self._checkpoints.own()).decode(),
            counter=1,
            previous=ZEROS.hex(),
            expires=instant(now + timedelta(seconds=self._around.limits.offer_seconds)),
        )

    async def _begin(
        self, offer: Offer, peer: Card, key: ConsortiumKey, case: Case, conversation: Conversation
    ) -> OpenSession:
        name, body = await conversation.expect("accept", "refuse")
        note = cast(bytes, body)
        if name == "refuse":
            await self._take_refusal(offer, peer, note)
        accept = Accept.open(note, peer.document_verifier)
        wrong = differences(offer, accept)
        if wrong:
            raise ProtocolFault(f"the Accept does not answer our Offer: {', '.join(wrong)} differ")
        questions.check_parameters(offer, accept, self._around.engines)
        await self._checkpoints.keep(peer, accept.checkpoint.encode())
        question = questions.of_accept(offer, accept, self._desk.lab, self._around.engines)
        try:
            await self._opening.begin(
                offer, accept, note, Case(question, case.agreement, case.own, case.frozen)
            )
        except Refused as refusal:
            await conversation.send("refuse", await self._opening.decline(offer, note, refusal))
            raise Refused(refusal.rule, refusal.words, by=self._desk.lab) from None
        return OpenSession("initiator", offer, accept, peer, case.frozen, key.key)

    async def _take_refusal(self, offer: Offer, peer: Card, note: bytes) -> None:
        """Log the responder's signed Refuse and raise it as Refused."""
        refuse = Refuse.open(note, peer.document_verifier)
        if (refuse.session_id, refuse.offer, refuse.by) != (offer.session_id, offer.hash().hex(), peer.lab):
            raise ProtocolFault("the Refuse does not answer our Offer")
        proven = None
        if refuse.rule == "counter":
            proven = proven_highest(refuse, offer, self._desk.signer.verifier)
        await self._opening.refused(offer, refuse, note, proven=proven)
        raise Refused(refuse.rule, refuse.words, by=peer.lab, note=note)
