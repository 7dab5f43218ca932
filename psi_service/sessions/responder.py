"""The side that answers: check the Offer, freeze, decide, Accept or Refuse, wait for Begin, then the exchange."""

from __future__ import annotations

import hmac
import secrets
from typing import cast

from psi_core.agreement.agreement import Agreement
from psi_core.agreement.usage_rules import CLOCK_SKEW
from psi_core.engines import questions
from psi_core.engines.choice import engine_of
from psi_core.engines.oprf.lane import sender_side
from psi_core.errors import EngineFault, InvalidProof, InvalidText, NotFound, ProtocolFault, Refused
from psi_core.identity.card import Card
from psi_core.identity.instant import moment
from psi_core.session.closing import Record
from psi_core.session.opening import Accept, KeyEvidence, Lane, Offer, Refuse, context
from psi_core.wire.session_pb2 import Begin
from psi_service.consortium.service import ConsortiumKey
from psi_service.log import cosigned
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.epoch_keys import KEYED, KeyedLane, LaneKeys
from psi_service.sessions.exchange import Exchange
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.increments import (
    Increments,
    Step,
    answered,
    epoch_changes,
    in_this_epoch,
    room,
    run_words,
)
from psi_service.sessions.open_session import OpenSession
from psi_service.sessions.opening_books import Case, OpeningBooks
from psi_service.sessions.progress import Phase, Progress
from psi_service.sessions.refusal_books import RefusalBooks
from psi_service.sessions.surroundings import Surroundings
from psi_service.sessions.usage import OwnTerms


class Responder:
    """Runs sessions that a peer starts."""

    def __init__(self, desk: Desk, around: Surroundings, freezer: Freezer) -> None:
        self._desk = desk
        self._around = around
        self._freezer = freezer
        self._opening = OpeningBooks(desk, around.keys)
        self._refusals = RefusalBooks(desk)
        self._checkpoints = Checkpoints(desk)
        self._increments = Increments(around.keys)

    async def read_offer(self, peer: Card, note: bytes) -> Offer:
        """Verify an Offer that came over `peer`'s pinned connection: signature, names, its checkpoint.

        Raises InvalidNote, InvalidText, InvalidSignature, InvalidCheckpoint or ProtocolFault; nothing is logged.
        """
        offer = Offer.open(note, peer.document_verifier)
        if (offer.initiator, offer.responder) != (peer.lab, self._desk.lab):
            raise ProtocolFault("the Offer names other labs than the two ends of this connection")
        await self._checkpoints.keep(peer, offer.checkpoint.encode())
        return offer

    async def refuse(self, offer: Offer, note: bytes, refusal: Refused, conversation: Conversation) -> None:
        """Log the Offer and our signed Refuse, and send it."""
        await conversation.send("refuse", await self._refusals.refuse(offer, note, refusal))

    async def run(
        self, offer: Offer, note: bytes, peer: Card, conversation: Conversation, progress: Progress
    ) -> Record:
        """Answer an Offer and run the session to its signed record.

        Raises Refused (ours, already logged and sent, or the initiator's) and whatever Exchange raises.
        """
        sends = sender_side(offer.direction) == "responder"
        keyed = [lane.match_key for lane in offer.lanes if sends and lane.engine == KEYED]
        with self._around.keys.turns.taken(bytes.fromhex(offer.agreement), keyed):
            try:
                session, accept_note = await self._accept(offer, note, peer, progress)
            except Refused as refusal:
                await self.refuse(offer, note, refusal, conversation)
                raise Refused(refusal.rule, refusal.words, by=self._desk.lab) from None
            await conversation.send("accept", accept_note)
            progress.enter(Phase.ACCEPTED)
            await self._await_begin(session, conversation)
        progress.enter(Phase.BEGUN)
        exchange = Exchange(session, conversation, self._desk, self._around, progress)
        return await exchange.run()

    async def _accept(
        self, offer: Offer, note: bytes, peer: Card, progress: Progress
    ) -> tuple[OpenSession, bytes]:
        self._check_life(offer)
        agreement, key = await self._terms(offer)
        own = OwnTerms(key.profile, key.key_id)
        early = Case(questions.of_offer(offer, self._desk.lab), agreement, own, ())
        await self._opening.check_offer(offer, early)
        self._check_engines(offer)
        shown = await self._shown(offer, peer)
        progress.enter(Phase.FREEZING)
        names = [lane.match_key for lane in offer.lanes]
        sends = sender_side(offer.direction) == "responder"
        standings = await self._increments.before_accept(offer, shown, sends=sends)
        bucket = agreement.delta_bucket
        rooms = [
            room(standing, agreement, lane.match_key) if sends and lane.engine == KEYED else None
            for lane, standing in zip(offer.lanes, standings, strict=True)
        ]
        fields = offer.labels_of("responder")
        async with self._freezer.frozen(peer.lab, names, key.key, agreement, rooms, fields) as frozen:
            steps = await self._increments.steps(standings, frozen, bucket, sends=sends)
            keys = await self._keys(offer, frozen, steps)
            steps = in_this_epoch(steps, keys)
            accept = await self._answer(offer, frozen, keys, steps)
            question = questions.of_accept(offer, accept, self._desk.lab, self._around.engines)
            words = run_words(accept, steps)
            accept_note = await self._opening.accept(
                offer, note, accept, Case(question, agreement, own, frozen, keys, steps, words)
            )
        held = tuple(ours or theirs for ours, theirs in zip(keys, shown, strict=True))
        increments = tuple(step.shown[0] if step.shown else None for step in steps)
        return OpenSession("responder", offer, accept, peer, frozen, key.key, held, increments), accept_note

    async def _shown(self, offer: Offer, peer: Card) -> LaneKeys:
        try:
            return await self._around.keys.shown("responder", peer, offer, offer)
        except (InvalidProof, InvalidText) as fault:
            raise Refused("engine_key", f"key: {fault}") from fault

    async def _keys(self, offer: Offer, frozen: tuple[Frozen, ...], steps: tuple[Step, ...]) -> LaneKeys:
        lanes = [
            KeyedLane(
                asked.engine,
                asked.match_key,
                asked.padded_size,
                own.snapshot.padded_size,
                changes=epoch_changes(step, asked.generations),
            )
            for asked, own, step in zip(offer.lanes, frozen, steps, strict=True)
        ]
        agreement = bytes.fromhex(offer.agreement)
        try:
            return await self._around.keys.own(
                "responder", offer.direction, offer.initiator, agreement, lanes
            )
        except EngineFault as fault:
            raise Refused("size_cap", f"size: {fault}") from fault

    def _check_life(self, offer: Offer) -> None:
        # An offer lives for two minutes by a clock that may be five behind ours, as budget periods allow.
        if moment(offer.expires) + CLOCK_SKEW < self._desk.clock():
            words = (
                f"expired: the offer was good until {offer.expires}. Set both labs' clocks and offer again."
            )
            raise Refused("offer_expired", words)

    def _check_engines(self, offer: Offer) -> None:
        for lane in offer.lanes:
            if engine_of(self._around.engines, lane.engine, lane.variant) is None or lane.parameters:
                words = f"engine: this node cannot run {lane.engine} ({lane.variant}) as offered. Offer another engine."
                raise Refused("engine", words)

    async def _terms(self, offer: Offer) -> tuple[Agreement, ConsortiumKey]:
        try:
            agreement = await self._around.agreement_of(bytes.fromhex(offer.agreement))
        except NotFound:
            await self._opening.refuse_unknown(offer, questions.of_offer(offer, self._desk.lab))
            raise
        try:
            return agreement, await self._around.consortium_key()
        except NotFound:
            words = "consortium key: this node holds none yet. Invite it: psi-node consortium invite."
            raise Refused("consortium_key", words) from None

    async def _answer(
        self, offer: Offer, frozen: tuple[Frozen, ...], keys: LaneKeys, steps: tuple[Step, ...]
    ) -> Accept:
        checkpoint = await self._checkpoints.own()
        size = cosigned.size_of(checkpoint)
        lanes = [
            self._lane(offer, asked, own, await self._around.keys.evidence(key, size), step)
            for asked, own, key, step in zip(offer.lanes, frozen, keys, steps, strict=True)
        ]
        return Accept(
            **offer.model_dump(exclude={"lanes", "nonce", "checkpoint", "counter", "previous", "expires"}),
            lanes=tuple(lanes),
            nonce=secrets.token_hex(32),
            checkpoint=checkpoint.decode(),
            offer=offer.hash().hex(),
        )

    def _lane(self, offer: Offer, asked: Lane, own: Frozen, key: KeyEvidence | None, step: Step) -> Lane:
        size = own.snapshot.padded_size
        try:
            parameters = questions.parameters(
                asked, size, offer.reveal, self._around.engines, key or asked.key
            )
        except EngineFault as fault:
            raise Refused("size_cap", f"size: lane {asked.match_key}: {fault}") from fault
        lane = Lane(
            match_key=asked.match_key,
            engine=asked.engine,
            variant=asked.variant,
            padded_size=size,
            snapshot=own.snapshot.root.hex(),
            parameters=parameters,
            key=key,
            generations=(answered(step.shown[0], asked.generations or ()),) if step.shown else None,
        )
        parameters |= questions.changes(asked, lane, labelled=questions.sender_labels(offer) > 0)
        parameters |= questions.label_parameters(offer, asked, self._around.engines)
        return lane.model_copy(update={"parameters": parameters})

    async def _await_begin(self, session: OpenSession, conversation: Conversation) -> None:
        name, body = await conversation.expect("begin", "refuse")
        if name == "refuse":
            refuse = Refuse.open(cast(bytes, body), session.peer.document_verifier)
            due = (session.session_id, session.offer.hash().hex(), session.peer.lab)
            if (refuse.session_id, refuse.offer, refuse.by) != due:
                raise ProtocolFault("the Refuse is not of this session")
            await self._refusals.refused(session.offer, refuse, cast(bytes, body))
            raise Refused(refuse.rule, refuse.words, by=refuse.by, note=cast(bytes, body))
        begin = cast(Begin, body)
        ctx = context(session.offer.hash(), session.accept.hash())
        if begin.session_id != session.session_id or not hmac.compare_digest(begin.ctx, ctx):
            raise ProtocolFault("Begin names another session, or another context than Offer and Accept give")
