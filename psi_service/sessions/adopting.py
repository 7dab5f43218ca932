"""Sessions that this lab signed and has forgotten, written down again from what the entries of their pair tell.

A store that was set back lacks sessions that the other lab's log has, with this lab's own signature. Each text is
verified before it comes here (told.py). A session is taken back only if this lab signed a part of it; what is
missing in the own log is logged anew, marked `recovered`, and counters, the chain of records, debits and the epochs of
our keys are what they were. Results are not in any log: they stay lost until the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlite_utils

from psi_core.agreement.debit import Debit, own_debits
from psi_core.engines import questions
from psi_core.engines.interface import Engine
from psi_core.engines.oprf.evidence import unproven_statement
from psi_core.engines.oprf.lane import check_statement, sender_side
from psi_core.errors import ProtocolFault
from psi_core.log.entry import EntryKind
from psi_core.session.closing import PreRecord, Record, pre_record
from psi_core.session.counter import NO_OFFER, next_counter
from psi_core.session.opening import Abort, Accept, Lane, Offer, Refuse, differences
from psi_service.sessions import resumptions
from psi_service.sessions.books import Desk, insert_session, update_session
from psi_service.sessions.closing_books import ClosingBooks
from psi_service.sessions.told import Told
from psi_service.sessions.usage import spend_counter

_NOT_FORGOTTEN = frozenset({"refused", "pending", "complete", "fault", "aborted"})
"""Of a pending session nothing is forgotten: Settle brings its second signature."""
_DEBIT = (
    "INSERT OR IGNORE INTO debits (session_id, lane, agreement, match_key, receiver, period, evaluations)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LANE = (
    "INSERT OR IGNORE INTO session_lanes (session_id, lane, match_key, engine, own_size, peer_size)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_EPOCH = (
    "INSERT OR IGNORE INTO epoch_keys (agreement, match_key, epoch, secret, statement, position, created, ended)"
    " VALUES (?, ?, ?, NULL, ?, ?, ?, ?)"
)


def _of_offer(told: Told) -> Iterator[str]:
    """The Offer, by its hash in hex, that a text is or names."""
    match told.text:
        case Offer() as offer:
            yield offer.hash().hex()
        case Accept(offer=name) | Refuse(offer=name) | Record(offer=name) | Abort(offer=name):
            yield name


@dataclass
class Adopted:
    """What was taken back: ids of sessions, and how many texts were logged anew."""

    sessions: list[str] = field(default_factory=list)
    logged: int = 0


class Adopting:
    """Writes forgotten sessions down, inside the caller's transaction. `engines`: all that are known by name."""

    def __init__(self, desk: Desk, engines: Mapping[str, Engine]) -> None:
        self._desk = desk
        self._engines = engines
        self._closing = ClosingBooks(desk)

    def adopt(
        self, db: sqlite_utils.Database, peer: str, texts: Sequence[Told], logged: set[bytes]
    ) -> Adopted:
        """Take sessions with `peer` back from `texts`, in the order in which they were logged.

        `logged`: text hashes that the own log has; what is logged here is added. Raises ProtocolFault when texts of
        one session do not fit each other, NodeRefusing.
        """
        ours = {name for each in texts if self._desk.lab in each.signers for name in _of_offer(each)}
        work = _Work(self._desk, self._engines, self._closing, db, peer, logged)
        for each in texts:
            # By the Offer itself: a peer may have signed any number of them under one session id.
            if not isinstance(each.text, Offer) or each.text.hash().hex() in ours:
                work.take(each)
        work.finish()
        return work.found


class _Work:
    """One adoption, in one transaction."""

    def __init__(
        self,
        desk: Desk,
        engines: Mapping[str, Engine],
        closing: ClosingBooks,
        db: sqlite_utils.Database,
        peer: str,
        logged: set[bytes],
    ) -> None:
        self._desk = desk
        self._engines = engines
        self._closing = closing
        self._db = db
        self._peer = peer
        self._logged = logged
        self._offers: dict[str, Offer] = {}
        self._accepts: dict[str, Accept] = {}
        self._over: set[str] = set()
        self._new: list[str] = []
        self._peer_aborts: dict[str, bytes] = {}
        self._steps: dict[str, tuple[int, int]] = {}
        self.found = Adopted()

    def take(self, told: Told) -> None:
        """One text, or gap."""
        if isinstance(told.text, Offer):
            self._offer(told, told.text)
            return
        offer = self._offers.get(told.session_id)
        if offer is None or told.session_id in self._over:
            return
        match told.text:
            case None:
                self._gap(told)
            case Accept() as accept if not told.declined:
                self._accept(told, offer, accept)
            case Refuse() as refuse if refuse.offer == offer.hash().hex():
                self._refuse(told, offer, refuse)
            case PreRecord() as text:
                self._pre_record(told, offer, text)
            case Record() as record:
                self._record(told, offer, record)
            case Abort() as abort if abort.offer == offer.hash().hex():
                self._abort(told, abort)

    def finish(self) -> None:
        """What has no end by now broke off, and is aborted."""
        for session_id in self._new:
            if session_id not in self._over:
                words = "this lab lost its account of the session before the session had ended"
                note = self._peer_aborts.get(session_id, b"")
                self._closing.abort_in(
                    self._db, self._offers[session_id], "recovered", words, peer_note=note, recovered=True
                )
                self.found.logged += 1

    def _offer(self, told: Told, offer: Offer) -> None:
        if {offer.initiator, offer.responder} != {self._desk.lab, self._peer}:
            raise ProtocolFault(f"{self._peer} shows a session that is not of this pair of labs")
        known = self._db.execute(
            "SELECT state, offer FROM sessions WHERE session_id = ?", (told.session_id,)
        ).fetchone()
        if known is not None and (
            known[0] in _NOT_FORGOTTEN or Offer.unverified(known[1]).hash() != offer.hash()
        ):
            return
        self._offers[told.session_id] = offer
        if known is None:
            started = min(told.time, self._desk.now())
            insert_session(self._db, offer, told.note, peer=self._peer, state="offered", started=started)
            self._new.append(told.session_id)
            self.found.sessions.append(told.session_id)
        self._log(told, EntryKind.OFFER)
        spend_counter(self._db, offer, told.note)
        if offer.initiator == self._desk.lab:
            self._epochs(offer, offer.lanes)

    def _accept(self, told: Told, offer: Offer, accept: Accept) -> None:
        if told.session_id in self._accepts:
            return
        if wrong := differences(offer, accept):
            raise ProtocolFault(f"an Accept does not answer its Offer: {', '.join(wrong)} differ")
        questions.check_parameters(offer, accept, self._engines)
        question = questions.of_accept(offer, accept, self._desk.lab, self._engines)
        self._accepts[told.session_id] = accept
        lines = own_debits(question)
        self._debit(offer, lines)
        update_session(self._db, told.session_id, accept=told.note, state="open")
        theirs = accept.lanes if offer.initiator == self._desk.lab else offer.lanes
        own = offer.lanes if offer.initiator == self._desk.lab else accept.lanes
        for number, (mine, other) in enumerate(zip(own, theirs, strict=True)):
            row = (told.session_id, number, mine.match_key, other.engine, mine.padded_size, other.padded_size)
            self._db.execute(_LANE, row)
        debits = [
            {"lane": line.lane, "match_key": line.match_key, "receiver": line.receiver}
            | {"evaluations": line.evaluations}
            for line in lines
        ]
        self._log(told, EntryKind.DECISION, session_id=told.session_id, accepted=True, debits=debits)
        if offer.responder == self._desk.lab:
            self._epochs(offer, accept.lanes)

    def _debit(self, offer: Offer, lines: Iterable[Debit]) -> None:
        agreement = bytes.fromhex(offer.agreement)
        for line in lines:
            row = (line.match_key, line.receiver, offer.period, line.evaluations)
            self._db.execute(_DEBIT, (offer.session_id, line.lane, agreement, *row))

    def _refuse(self, told: Told, offer: Offer, refuse: Refuse) -> None:
        if self._pre_recorded(told.session_id):
            return  # Who has been served does not undo it by a Refuse.
        reason = f"refused by {refuse.by}: {refuse.words}"
        self._end(told, state="refused", refuse=told.note, reason=reason)
        self._log(told, EntryKind.DECISION, session_id=told.session_id, accepted=False)
        if refuse.rule == "counter":
            self._steps[refuse.hash().hex()] = (_highest(refuse), offer.counter)

    def _gap(self, told: Told) -> None:
        """A gap is signed by nobody: it is what its Refuse and that Offer give, or it is passed over."""
        expected, got, refuse = (told.body.get(name) for name in ("expected", "got", "refuse"))
        step = self._steps.pop(refuse, None) if isinstance(refuse, str) else None
        if step is not None and (expected, got) == (next_counter(step[0]), step[1]):
            body = {"session_id": told.session_id, "expected": expected, "got": got, "refuse": refuse}
            self._desk.log.append(self._db, EntryKind.GAP, {**body, "recovered": True}, peer=self._peer)

    def _pre_recorded(self, session_id: str) -> bool:
        sql = "SELECT 1 FROM sessions WHERE session_id = ? AND pre_recorded IS NOT NULL"
        return self._db.execute(sql, (session_id,)).fetchone() is not None

    def _pre_record(self, told: Told, offer: Offer, text: PreRecord) -> None:
        accept = self._accepts.get(told.session_id)
        if accept is None:
            return
        if text != pre_record(offer, accept, text.receiver, text.transcripts):
            raise ProtocolFault("a pre-record is not of the Offer and Accept before it")
        column = "own_pre_record" if text.receiver == self._desk.lab else "peer_pre_record"
        update_session(self._db, told.session_id, **{column: told.note})
        self._db.execute(
            "UPDATE sessions SET pre_recorded = coalesce(pre_recorded, ?) WHERE session_id = ?",
            # Not before the Offer was over: an interval counts from it, and the entry's time may be the peer's word.
            (min(max(told.time, offer.expires), self._desk.now()), told.session_id),
        )
        self._log(told, EntryKind.PRE_RECORD)

    def _record(self, told: Told, offer: Offer, record: Record) -> None:
        accept = self._accepts.get(told.session_id)
        if record.offer != offer.hash().hex() or accept is None or record.accept != accept.hash().hex():
            raise ProtocolFault("a record is not of the Offer and Accept before it")
        good = record.outcome == "ok"
        reason = None if good else "the two labs counted differently; the results are not shown"
        self._end(told, state="complete" if good else "fault", record=told.note, reason=reason)
        self._db.execute(
            "UPDATE counters SET previous = ? WHERE initiator = ? AND responder = ?",
            (record.hash(), offer.initiator, offer.responder),
        )
        self._log(told, EntryKind.RECORD, session_id=told.session_id)

    def _abort(self, told: Told, abort: Abort) -> None:
        if abort.by != self._desk.lab:
            self._peer_aborts[told.session_id] = told.note
            return
        self._end(told, state="aborted", abort=told.note, late=int(abort.late), reason=abort.words)
        self._log(told, EntryKind.ABORT)

    def _end(self, told: Told, **values: object) -> None:
        self._over.add(told.session_id)
        finished = min(told.time, self._desk.now())
        update_session(self._db, told.session_id, finished=finished, **values)
        resumptions.dropped(self._desk.store, self._db, told.session_id)
        if told.session_id not in self._new:
            self.found.sessions.append(told.session_id)

    def _epochs(self, offer: Offer, lanes: Sequence[Lane]) -> None:
        """Epochs that lanes of our own text show began before they were forgotten; their secrets are gone."""
        side = "initiator" if offer.initiator == self._desk.lab else "responder"
        if sender_side(offer.direction) != side:
            return
        for lane in lanes:
            if lane.key is None:
                continue
            statement = unproven_statement(lane.key)
            agreement, now = bytes.fromhex(offer.agreement), self._desk.now()
            check_statement(
                statement,
                lab=self._desk.lab,
                peer=self._peer,
                agreement=agreement,
                match_key=lane.match_key,
            )
            name = (agreement, lane.match_key, statement.epoch)
            self._db.execute(_EPOCH, (*name, statement.text(), lane.key.index, now, now))

    def _log(self, told: Told, kind: EntryKind, **also: object) -> None:
        """Log a text that the own log lacks."""
        if told.text is None or told.text.hash() in self._logged:
            return
        self._desk.log_note(self._db, kind, told.note, self._peer, **also, recovered=True)
        self._logged.add(told.text.hash())
        self.found.logged += 1


def _highest(refuse: Refuse) -> int:
    """The counter that a Refuse `counter` shows as the highest before; 0 for none. Raises InvalidText, InvalidNote."""
    shown = refuse.highest_offer
    return 0 if shown in (None, NO_OFFER) else Offer.unverified(str(shown).encode()).counter
