"""The books of a session up to Begin: offers, decisions, debits, counters. One named transaction each.

Refusals have their own (refusal_books.py).

Whatever a node signs here is signed inside the transaction that logs it, and leaves only after the log's head
file is written. Debits are never returned.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import sqlite_utils

from psi_core.agreement.agreement import Agreement
from psi_core.agreement.debit import own_debits
from psi_core.agreement.policy import Question, decide, decide_offer, refuse_unknown
from psi_core.errors import EngineFault, Refused
from psi_core.log.entry import EntryKind
from psi_core.session.counter import next_counter
from psi_core.session.opening import Accept, Offer
from psi_service.sessions.books import Desk, insert_session, session_known, update_session
from psi_service.sessions.epoch_keys import Cost, EpochKeys, LaneKeys
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.increments import Step
from psi_service.sessions.members import enter
from psi_service.sessions.refusal_books import log_decision
from psi_service.sessions.usage import NO_TERMS, OwnTerms, counters, spend_counter, usage


@dataclass(frozen=True)
class Case:
    """What a decision is about: the question, the agreement, our own terms, our frozen sets.

    lane_words: engine `oprf`, per lane, whether the run is full (and why) or incremental.
    """

    question: Question
    agreement: Agreement
    own: OwnTerms
    frozen: tuple[Frozen, ...] = field(repr=False)
    keys: LaneKeys = field(default=(), repr=False)
    steps: tuple[Step, ...] = field(default=(), repr=False)
    lane_words: tuple[str | None, ...] = ()


class OpeningBooks:
    """Named transactions from Offer to Begin, for both sides."""

    def __init__(self, desk: Desk, keys: EpochKeys) -> None:
        self._desk = desk
        self._keys = keys

    async def offer(self, draft: Offer, case: Case) -> tuple[Offer, bytes]:
        """Initiator: ask our own policy, spend the next counter, log snapshots and Offer.

        `draft` has no counter yet. Returns the Offer and its note. Raises Refused before anything is spent.
        """

        def work(db: sqlite_utils.Database) -> tuple[Offer, bytes]:
            known = counters(db, draft.initiator, draft.responder)
            offer = draft.model_copy(
                update={"counter": next_counter(known.highest), "previous": known.previous.hex()}
            )
            decide_offer(case.question, case.agreement, usage(db, offer, case.own), self._desk.clock())
            note = offer.signed(self._desk.signer)
            insert_session(db, offer, note, peer=offer.responder, state="offered", started=self._desk.now())
            self._freeze(db, offer, offer.responder, case)
            self._desk.log_note(db, EntryKind.OFFER, note, offer.responder)
            spend_counter(db, offer, note)
            return offer, note

        return await self._desk.store.transaction(work)

    async def accept(self, offer: Offer, note: bytes, accept: Accept, case: Case) -> bytes:
        """Responder: decide, debit what the initiator may test, log Offer, snapshots and Accept; returns the note.

        Raises Refused, with nothing written; `refuse` then writes it down.
        """

        def work(db: sqlite_utils.Database) -> bytes:
            self._check_unused(db, offer)
            decide(case.question, case.agreement, usage(db, offer, case.own), self._desk.clock())
            insert_session(db, offer, note, peer=offer.initiator, state="open", started=self._desk.now())
            self._freeze(db, offer, offer.initiator, case)
            self._desk.log_note(db, EntryKind.OFFER, note, offer.initiator)
            spend_counter(db, offer, note)
            signed = accept.signed(self._desk.signer)
            self._debit(db, offer, case, signed, offer.initiator)
            self._open(db, offer, accept, signed, case)
            return signed

        return await self._desk.store.transaction(work)

    async def check_offer(self, offer: Offer, case: Case) -> None:
        """Responder: the rules that need no sizes of ours, before any set is frozen. Raises Refused."""

        def work(db: sqlite_utils.Database) -> None:
            self._check_unused(db, offer)
            decide_offer(case.question, case.agreement, usage(db, offer, case.own), self._desk.clock())

        await self._desk.store.query(work)

    async def refuse_unknown(self, offer: Offer, question: Question) -> None:
        """Responder: raise Refused for an Offer under an agreement that this node does not have."""

        def work(db: sqlite_utils.Database) -> None:
            self._check_unused(db, offer)
            refuse_unknown(question, usage(db, offer, NO_TERMS), self._desk.clock())

        await self._desk.store.query(work)

    async def begin(self, offer: Offer, accept: Accept, note: bytes, case: Case) -> None:
        """Initiator: decide on the Accept `note`, debit what the responder may test. Raises Refused."""

        def work(db: sqlite_utils.Database) -> None:
            # Counter and previous were settled when this Offer was logged; they are not asked again.
            held = replace(
                usage(db, offer, case.own),
                expected_counter=offer.counter,
                expected_previous=bytes.fromhex(offer.previous),
            )
            decide(case.question, case.agreement, held, self._desk.clock())
            update_session(db, offer.session_id, state="open")
            self._debit(db, offer, case, note, offer.responder)
            self._open(db, offer, accept, note, case)

        await self._desk.store.transaction(work)

    def _check_unused(self, db: sqlite_utils.Database, offer: Offer) -> None:
        if session_known(db, offer.session_id):
            raise Refused("session_id", "this session id was used before; draw a new one", by=self._desk.lab)

    def _freeze(self, db: sqlite_utils.Database, offer: Offer, peer: str, case: Case) -> None:
        for each in case.frozen:
            enter(db, peer, each.match_key, each.changes)
            each.release()
            body = {
                "session_id": offer.session_id,
                "match_key": each.match_key,
                "padded_size": each.snapshot.padded_size,
                "commitment": each.snapshot.root.hex(),
            }
            self._desk.log.append(db, EntryKind.SNAPSHOT, body, peer=peer)

    def _debit(
        self, db: sqlite_utils.Database, offer: Offer, case: Case, accept_note: bytes, peer: str
    ) -> None:
        self._spend(db, case)
        lines = own_debits(case.question)
        agreement = bytes.fromhex(offer.agreement)
        for line in lines:
            db.execute(
                "INSERT INTO debits (session_id, lane, agreement, match_key, receiver, period, evaluations)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    offer.session_id,
                    line.lane,
                    agreement,
                    line.match_key,
                    line.receiver,
                    offer.period,
                    line.evaluations,
                ),
            )
        debits = [
            {
                "lane": line.lane,
                "match_key": line.match_key,
                "receiver": line.receiver,
                "evaluations": line.evaluations,
            }
            for line in lines
        ]
        log_decision(self._desk, db, offer, accept_note, peer, accepted=True, debits=debits)

    def _spend(self, db: sqlite_utils.Database, case: Case) -> None:
        # In an incremental run the receiver's new items and the sender's added tags stand for the whole sizes.
        costs = [
            Cost(lane.changes[0], lane.changes[1], full=False)
            if lane.changes
            else Cost(lane.peer_size, lane.own_size, full=True)
            for lane in case.question.lanes
        ]
        try:
            self._keys.spend(db, case.keys, costs)
        except EngineFault as fault:
            words = f"epoch: {str(fault).rstrip('.')} (rule epoch). The next offer begins a new epoch."
            raise Refused("epoch", words) from fault

    def _open(self, db: sqlite_utils.Database, offer: Offer, accept: Accept, note: bytes, case: Case) -> None:
        update_session(db, offer.session_id, accept=note)
        theirs = accept.lanes if offer.initiator == self._desk.lab else offer.lanes
        db.table("session_lanes").insert_all(
            {
                "session_id": offer.session_id,
                "lane": lane,
                "match_key": each.match_key,
                "engine": each.engine,
                "own_size": frozen.snapshot.padded_size,
                "peer_size": each.padded_size,
                "run": run,
            }
            for lane, (each, frozen, run) in enumerate(
                zip(theirs, case.frozen, case.lane_words or (None,) * len(theirs), strict=True)
            )
        )
