"""The side that dials: settle, freeze, Offer, decide on the Accept, Begin, then the exchange."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import structlog

from psi_core.engines import questions
from psi_core.engines.choice import choose
from psi_core.engines.interface import Engine
from psi_core.engines.oprf.key import MOST_EVALUATIONS
from psi_core.engines.oprf.lane import sender_side
from psi_core.errors import InvalidProof, InvalidText, ProtocolFault, Refused
from psi_core.identity.card import Card
from psi_core.session.closing import Record
from psi_core.session.counter import proven_highest
from psi_core.session.opening import (
    Accept,
    Offer,
    Refuse,
    SessionLabels,
    differences,
)
from psi_core.wire.session_pb2 import Begin
from psi_service.consortium.service import ConsortiumKey
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.drafting import Drafting
from psi_service.sessions.epoch_keys import KEYED, KeyedLane, LaneKeys
from psi_service.sessions.exchange import Exchange
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.freezing import Frozen, Room
from psi_service.sessions.increments import (
    NOTHING,
    Increments,
    Standing,
    Step,
    chosen,
    in_this_epoch,
    room,
    run_words,
)
from psi_service.sessions.open_session import OpenSession
from psi_service.sessions.opening_books import Case, OpeningBooks
from psi_service.sessions.plan import Plan
from psi_service.sessions.progress import Phase, Progress
from psi_service.sessions.refusal_books import RefusalBooks
from psi_service.sessions.surroundings import Surroundings
from psi_service.sessions.usage import OwnTerms

log = structlog.get_logger()


class Initiator:
    """Runs sessions that this node starts."""

    def __init__(self, desk: Desk, around: Surroundings, freezer: Freezer) -> None:
        self._desk = desk
        self._around = around
        self._freezer = freezer
        self._checkpoints = Checkpoints(desk)
        self._drafting = Drafting(desk, around, self._checkpoints)
        self._opening = OpeningBooks(desk, around.keys)
        self._refusals = RefusalBooks(desk)
        self._increments = Increments(around.keys)

    async def run(self, plan: Plan, peer: Card, conversation: Conversation, progress: Progress) -> Record:
        """Run one session to its signed record. Raises Refused (by either policy) and whatever Exchange raises."""
        key = await self._around.consortium_key()
        progress.enter(Phase.FREEZING)
        keyed = (
            plan.match_keys
            if plan.keyed(self._around.engines) and sender_side(plan.direction) == "initiator"
            else ()
        )
        with self._around.keys.turns.taken(plan.agreement.hash(), keyed, by=self._desk.lab):
            offer, note, case = await self._prepare(plan, peer, key, progress)
            await conversation.send("offer", note)
            progress.enter(Phase.OFFERED)
            session = await self._begin(offer, peer, key, case, conversation)
        await conversation.send("begin", Begin(session_id=session.session_id, ctx=session.ctx))
        progress.enter(Phase.BEGUN)
        exchange = Exchange(session, conversation, self._desk, self._around, progress)
        return await exchange.run()

    async def _prepare(
        self, plan: Plan, peer: Card, key: ConsortiumKey, progress: Progress
    ) -> tuple[Offer, bytes, Case]:
        """Freeze, choose engines and keys, and log the Offer; returns it with its note."""
        standings, rooms = await self._standings(plan, peer)
        labels = self._labels(plan, peer)
        fields = (labels and labels.initiator) or ()
        names, agreement = plan.match_keys, plan.agreement
        async with self._freezer.frozen(peer.lab, names, key.key, agreement, rooms, fields) as frozen:
            engines = [self._engine(plan, *each) for each in zip(frozen, standings, strict=True)]
            labels = self._carried(plan, labels, engines)
            steps = await self._steps(plan, standings, frozen, engines)
            keys = await self._keys(plan, peer, frozen, engines, steps)
            steps = in_this_epoch(steps, keys)
            draft = await self._drafting.draft(plan, peer, key, frozen, engines, keys, steps, labels)
            progress.left_out = sum(each.left_out for each in frozen)
            case = Case(
                questions.of_offer(draft, self._desk.lab),
                plan.agreement,
                OwnTerms(key.profile, key.key_id),
                frozen,
                keys,
                steps,
            )
            return *await self._offer(draft, case), case

    def _labels(self, plan: Plan, peer: Card) -> SessionLabels | None:
        """The labels that this session may carry: all that the agreement grants to whoever learns in it."""
        return questions.granted_labels(plan.agreement, self._desk.lab, peer.lab, plan.direction, plan.reveal)

    @staticmethod
    def _carried(plan: Plan, labels: SessionLabels | None, engines: list[Engine]) -> SessionLabels | None:
        """Labels, unless no lane's engine can carry any; lanes of `openmined` beside others run without."""
        for name, engine in zip(plan.match_keys, engines, strict=True):
            if labels is not None and not engine.seals_labels:
                why = f"engine {engine.name} gives the two labs no key to seal them with"
                log.info("no labels", session=plan.session_id, match_key=name, why=why)
        return labels if any(engine.seals_labels for engine in engines) else None

    async def _offer(self, draft: Offer, case: Case) -> tuple[Offer, bytes]:
        try:
            return await self._opening.offer(draft, case)
        except Refused as refusal:
            raise Refused(refusal.rule, refusal.words, by=self._desk.lab) from None

    def _engine(self, plan: Plan, frozen: Frozen, standing: Standing) -> Engine:
        choice = choose(
            plan.engine,
            reveal=plan.reveal,
            own_size=frozen.snapshot.padded_size,
            agreed=plan.agreement.engines,
            available=self._around.engines,
            cached=bool(standing.found),
        )
        log.info(
            "engine chosen",
            session=plan.session_id,
            match_key=frozen.match_key,
            engine=choice.engine.name,
            why=choice.why,
        )
        return choice.engine

    async def _standings(
        self, plan: Plan, peer: Card
    ) -> tuple[tuple[Standing, ...], tuple[Room | None, ...]]:
        """What lanes of engine `oprf`, if it comes to that, build on, and how their sets are frozen."""
        if not plan.keyed(self._around.engines):
            return (NOTHING,) * len(plan.match_keys), (None,) * len(plan.match_keys)
        sends = sender_side(plan.direction) == "initiator"
        labels = self._labels(plan, peer)
        fields = labels and (labels.initiator if sends else labels.responder)
        found = await self._increments.before_offer(
            plan.agreement, peer.lab, plan.match_keys, sends=sends, fields=fields or ()
        )
        return found, tuple(
            room(each, plan.agreement, name) if sends else None
            for each, name in zip(found, plan.match_keys, strict=True)
        )

    async def _steps(
        self,
        plan: Plan,
        standings: tuple[Standing, ...],
        frozen: tuple[Frozen, ...],
        engines: list[Engine],
    ) -> tuple[Step, ...]:
        used = [
            standing if engine.name == KEYED else NOTHING
            for standing, engine in zip(standings, engines, strict=True)
        ]
        sends = sender_side(plan.direction) == "initiator"
        return await self._increments.steps(used, frozen, plan.agreement.delta_bucket, sends=sends)

    async def _keys(
        self,
        plan: Plan,
        peer: Card,
        frozen: tuple[Frozen, ...],
        engines: list[Engine],
        steps: tuple[Step, ...],
    ) -> LaneKeys:
        """Our keys where we send. The responder's sizes are not known yet, so its cap stands for them."""
        lanes = [
            KeyedLane(
                engine.name,
                each.match_key,
                receiver_size=min(plan.agreement.terms(each.match_key).max_size, MOST_EVALUATIONS),
                sender_size=each.snapshot.padded_size,
                # The receiver's number of new items comes with its Accept, and is counted then.
                changes=(0, step.shown[0].terms.added or 0) if step.shown else None,
            )
            for each, engine, step in zip(frozen, engines, steps, strict=True)
        ]
        return await self._around.keys.own(
            "initiator", plan.direction, peer.lab, plan.agreement.hash(), lanes
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
        shown = await self._shown(offer, accept, peer)
        question = questions.of_accept(offer, accept, self._desk.lab, self._around.engines)
        keys = tuple(own or theirs for own, theirs in zip(case.keys, shown, strict=True))
        increments = tuple(
            chosen(step.shown, lane.generations, key)
            for step, lane, key in zip(case.steps, accept.lanes, keys, strict=True)
        )
        words = run_words(accept, case.steps)
        try:
            await self._opening.begin(offer, accept, note, replace(case, question=question, lane_words=words))
        except Refused as refusal:
            if refusal.rule == "epoch":
                # The peer could not build on what we showed: the next Offer shows nothing, and begins an epoch.
                names = [lane.match_key for lane in offer.lanes]
                agreement = bytes.fromhex(offer.agreement)
                await self._around.keys.generations.discard(agreement, names, self._desk.lab)
            await conversation.send("refuse", await self._refusals.decline(offer, note, refusal))
            raise Refused(refusal.rule, refusal.words, by=self._desk.lab) from None
        return OpenSession("initiator", offer, accept, peer, case.frozen, key.key, keys, increments)

    async def _shown(self, offer: Offer, accept: Accept, peer: Card) -> LaneKeys:
        try:
            return await self._around.keys.shown("initiator", peer, offer, accept)
        except (InvalidProof, InvalidText) as fault:
            raise ProtocolFault(f"the Accept shows a key that does not hold: {fault}") from fault

    async def _take_refusal(self, offer: Offer, peer: Card, note: bytes) -> None:
        """Log the responder's signed Refuse and raise it as Refused."""
        refuse = Refuse.open(note, peer.document_verifier)
        if (refuse.session_id, refuse.offer, refuse.by) != (offer.session_id, offer.hash().hex(), peer.lab):
            raise ProtocolFault("the Refuse does not answer our Offer")
        proven = None
        if refuse.rule == "counter":
            proven = proven_highest(refuse, offer, self._desk.signer.verifier)
        await self._refusals.refused(offer, refuse, note, proven=proven)
        raise Refused(refuse.rule, refuse.words, by=peer.lab, note=note)
