"""The books of a session up to Begin: offers, decisions, debits, counters, gaps. One named transaction each.

Whatever a node signs here is signed inside the transaction that logs it, and leaves only after the log's head
file is written. Debits are never returned.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import sqlite_utils

from psi_core.agreement.agreement import Agreement
from psi_core.agreement.debit import own_debits
from psi_core.agreement.policy import Question, decide, decide_offer, refuse_unknown
from psi_core.agreement.usage_rules import out_of_turn
from psi_core.errors import Conflict, EngineFault, Refused
from psi_core.log.entry import EntryKind
from psi_core.session.counter import NO_OFFER, next_counter
from psi_core.session.opening import Accept, Offer, Refuse
from psi_service.sessions.books import Desk, insert_session, session_known, update_session
from psi_service.sessions.epoch_keys import Cost, EpochKeys, LaneKeys
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.increments import Step
from psi_service.sessions.members import enter
from psi_service.sessions.usage import NO_TERMS, OwnTerms, counters, last_record, spend_counter, usage


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

    async def refuse(self, offer: Offer, note: bytes, refusal: Refused) -> bytes:
        """Responder: log an Offer and our signed Refuse, which is returned; the counter is spent all the same.

        A counter that does not follow is the reason before any other: it has to be accounted for as a gap.
        """

        def work(db: sqlite_utils.Database) -> bytes:
            known = counters(db, offer.initiator, offer.responder)
            expected = next_counter(known.highest)
            told = refusal if offer.counter == expected else out_of_turn(None, offer.counter, expected)
            highest = (known.offer.decode() or NO_OFFER) if told.rule == "counter" else None
            last = last_record(db, offer) if told.rule == "previous" else None
            signed = self._refuse_text(offer, told, highest, last)
            self._desk.log_note(db, EntryKind.OFFER, note, offer.initiator)
            self._decision(db, offer, signed, offer.initiator, accepted=False)
            if told.rule == "counter":
                self._gap(db, offer, known.highest, signed, offer.initiator)
            if not session_known(db, offer.session_id):
                insert_session(
                    db, offer, note, peer=offer.initiator, state="refused", started=self._desk.now()
                )
                self._end(db, offer, signed, f"refused by {self._desk.lab}: {told.words}")
            spend_counter(db, offer, note)
            return signed

        return await self._desk.store.transaction(work)

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

    async def decline(self, offer: Offer, accept_note: bytes, refusal: Refused) -> bytes:
        """Initiator: log an Accept that we do not begin on, and our signed Refuse, which is returned."""

        def work(db: sqlite_utils.Database) -> bytes:
            signed = self._refuse_text(offer, refusal, None)
            self._decision(db, offer, accept_note, offer.responder, accepted=False)
            self._decision(db, offer, signed, offer.responder, accepted=False)
            self._end(db, offer, signed, f"refused by {self._desk.lab}: {refusal.words}")
            return signed

        return await self._desk.store.transaction(work)

    async def refused(self, offer: Offer, refuse: Refuse, note: bytes, *, proven: int | None = None) -> None:
        """Log the peer's signed Refuse; `proven` is the highest counter that a Refuse `counter` proved.

        Raises Conflict when the session has ended, or has a pre-record: from there on it breaks late.
        """

        def work(db: sqlite_utils.Database) -> None:
            _check_not_served(db, offer.session_id)
            self._decision(db, offer, note, refuse.by, accepted=False)
            self._end(db, offer, note, f"refused by {refuse.by}: {refuse.words}")
            if proven is not None:
                self._gap(db, offer, proven, note, refuse.by)
                db.execute(
                    "UPDATE counters SET highest = max(highest, ?) WHERE initiator = ? AND responder = ?",
                    (proven, offer.initiator, offer.responder),
                )

        await self._desk.store.transaction(work)

    def _check_unused(self, db: sqlite_utils.Database, offer: Offer) -> None:
        if session_known(db, offer.session_id):
            raise Refused("session_id", "this session id was used before; draw a new one", by=self._desk.lab)

    def _refuse_text(
        self, offer: Offer, refusal: Refused, highest: str | None, last: str | None = None
    ) -> bytes:
        return Refuse(
            session_id=offer.session_id,
            offer=offer.hash().hex(),
            by=self._desk.lab,
            rule=refusal.rule,
            words=refusal.words[:600],
            highest_offer=highest,
            last_record=last,
        ).signed(self._desk.signer)

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
        self._decision(db, offer, accept_note, peer, accepted=True, debits=debits)

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
            raise Refused("epoch", f"epoch: {fault}. Offer again: a new epoch begins then.") from fault

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

    def _decision(
        self,
        db: sqlite_utils.Database,
        offer: Offer,
        note: bytes,
        peer: str,
        *,
        accepted: bool,
        **also: object,
    ) -> None:
        self._desk.log_note(
            db, EntryKind.DECISION, note, peer, session_id=offer.session_id, accepted=accepted, **also
        )

    def _gap(
        self, db: sqlite_utils.Database, offer: Offer, highest: int, refuse_note: bytes, peer: str
    ) -> None:
        body = {
            "session_id": offer.session_id,
            "expected": next_counter(highest),
            "got": offer.counter,
            "refuse": Refuse.unverified(refuse_note).hash().hex(),
        }
        self._desk.log.append(db, EntryKind.GAP, body, peer=peer)

    def _end(self, db: sqlite_utils.Database, offer: Offer, refuse_note: bytes, reason: str) -> None:
        update_session(
            db,
            offer.session_id,
            state="refused",
            refuse=refuse_note,
            reason=reason,
            finished=self._desk.now(),
        )


def _check_not_served(db: sqlite_utils.Database, session_id: str) -> None:
    """Raise Conflict unless a session may still be refused."""
    state, pre_recorded = db.execute(
        "SELECT state, pre_recorded FROM sessions WHERE session_id = ?", (session_id,)
    ).fetchone()
    if state not in ("offered", "open") or pre_recorded is not None:
        raise Conflict(f"session {session_id} is past the point where it can be refused: {state}")
