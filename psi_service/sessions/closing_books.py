"""The books of a session from the barrier on: pre-records, results, records, aborts. One named transaction each."""

from __future__ import annotations

import json

import sqlite_utils

from psi_core.errors import (
    CanaryFault,
    Conflict,
    EngineFault,
    ProtocolFault,
    SessionAborted,
    TranscriptMismatch,
)
from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from psi_core.session.closing import Chunks, PreRecord, Record
from psi_core.session.opening import Abort, Offer
from psi_service.bundles import keeping as bundles
from psi_service.matches.publish import publish
from psi_service.sessions import generations, resumptions
from psi_service.sessions.books import Desk, update_session
from psi_service.sessions.holding import Matched, hold_matches
from psi_service.sessions.open_session import Learned, OpenSession
from psi_service.sessions.peer_words import PeerWords
from psi_service.sessions.purged import purged_since

_DOUBTFUL = frozenset(each.code for each in (CanaryFault, EngineFault, ProtocolFault, TranscriptMismatch))
"""Faults that a stale or false cache could cause: the next run is full."""


class ClosingBooks:
    """Named transactions from the barrier to the end, for both sides."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def own_pre_record(self, session: OpenSession, text: PreRecord) -> bytes:
        """Receiver: log and sign that we are about to be served; returns the note."""

        def work(db: sqlite_utils.Database) -> bytes:
            note = text.signed(self._desk.signer)
            self._pre_record(db, session, note, "own_pre_record")
            return note

        return await self._desk.store.transaction(work)

    async def peer_pre_record(self, session: OpenSession, note: bytes) -> None:
        """Sender: log the peer's pre-record, before any completing frame leaves."""
        await self._desk.store.transaction(lambda db: self._pre_record(db, session, note, "peer_pre_record"))

    async def transcripts(
        self, session: OpenSession, *, sent: bytes | None = None, received: bytes | None = None
    ) -> None:
        """Keep final transcripts (32 bytes each), so that a record can be rebuilt after a crash."""
        values = {"sent_transcript": sent, "received_transcript": received}
        changed = {name: value for name, value in values.items() if value is not None}
        await self._desk.store.transaction(lambda db: update_session(db, session.session_id, **changed))

    async def chunks(self, session: OpenSession, chunks: tuple[Chunks | None, ...]) -> None:
        """Keep what stands for proven chunks, so that a record can be rebuilt; nothing where no engine proves any."""
        if any(chunks):
            text = json.dumps([each and each.model_dump() for each in chunks])
            await self._desk.store.transaction(lambda db: update_session(db, session.session_id, chunks=text))

    async def forget_purged(self, session: OpenSession, lane: int, caches: generations.Generations) -> None:
        """Take what was purged since the freeze out of what the run of a lane has left in the caches."""
        frozen, store = session.frozen[lane], self._desk.store
        if frozen.stands():
            return  # The members of a large set are not read for nothing.
        gone = await store.query(lambda db: purged_since(db, session.peer.lab, frozen))
        if gone:
            await store.transaction(lambda db: caches.forget(db, frozen.match_key, gone))

    def peer_words(self, session: OpenSession) -> PeerWords:
        """What reads the peer's labels of a session, and seals them for the store."""
        return PeerWords(session, self._desk.data_key)

    async def hold(self, session: OpenSession, learned: Learned) -> None:
        """Keep what we learned, not to be shown until the record has both signatures."""
        await self._desk.store.transaction(lambda db: self._hold(db, session, learned))

    async def sign_first(self, session: OpenSession, record: Record, learned: Learned) -> bytes:
        """First signer: keep the result as pending, log the record with our signature; returns the note."""

        def work(db: sqlite_utils.Database) -> bytes:
            note = record.signed(self._desk.signer)
            self._hold(db, session, learned)
            update_session(db, session.session_id, state="pending", record=note)
            self._desk.log_note(db, EntryKind.RECORD, note, session.peer.lab, session_id=session.session_id)
            return note

        return await self._desk.store.transaction(work)

    async def sign_second(self, offer: Offer, record: Record, first: bytes) -> bytes:
        """Second signer: log the record with both signatures and show our result; `first` is the peer's note.

        Our signature is made over our own text; the first one was verified over the same text. Raises Conflict
        when the session has ended already.
        """

        def work(db: sqlite_utils.Database) -> bytes:
            note = Note.parse(first).with_signature(self._desk.signer.sign(record.text())).render()
            self._complete(db, offer, record, note, EntryKind.RECORD)
            return note

        return await self._desk.store.transaction(work)

    async def countersigned(self, offer: Offer, record: Record, both: bytes) -> None:
        """First signer: log the countersigned record and show the result.

        Raises Conflict when the session has ended already: it may be settled twice at the same moment.
        """
        await self._desk.store.transaction(
            lambda db: self._complete(db, offer, record, both, EntryKind.COUNTERSIGNED)
        )

    async def abort(self, offer: Offer, code: str, words: str, *, peer_note: bytes = b"") -> bytes:
        """End a session that is not complete; returns our signed Abort. A pending result is dropped.

        Raises Conflict when the session has ended already.
        """

        return await self._desk.store.transaction(
            lambda db: self.abort_in(db, offer, code, words, peer_note=peer_note)
        )

    def abort_in(
        self,
        db: sqlite_utils.Database,
        offer: Offer,
        code: str,
        words: str,
        *,
        peer_note: bytes = b"",
        recovered: bool = False,
    ) -> bytes:
        """`abort` inside a transaction; `recovered` marks the entry of a session that was forgotten."""
        _check_unfinished(db, offer.session_id)
        (pre_recorded,) = db.execute(
            "SELECT pre_recorded FROM sessions WHERE session_id = ?", (offer.session_id,)
        ).fetchone()
        late = pre_recorded is not None
        note = Abort(
            session_id=offer.session_id,
            offer=offer.hash().hex(),
            by=self._desk.lab,
            late=late,
            code=code,
            words=_one_line(words),
        ).signed(self._desk.signer)
        also: dict[str, object] = {"peer_note": peer_note.decode()} if peer_note else {}
        if recovered:
            also["recovered"] = True
        self._desk.log_note(db, EntryKind.ABORT, note, self._peer(offer), **also)
        self._drop(db, offer.session_id)
        generations.dropped(self._desk.store, db, offer.session_id, doubtful=code in _DOUBTFUL)
        bundles.dropped(self._desk.store, db, offer.session_id)
        resumptions.dropped(self._desk.store, db, offer.session_id)
        update_session(
            db,
            offer.session_id,
            state="aborted",
            abort=note,
            late=int(late),
            reason=words,
            finished=self._desk.now(),
        )
        return note

    def _peer(self, offer: Offer) -> str:
        return offer.responder if offer.initiator == self._desk.lab else offer.initiator

    def _pre_record(self, db: sqlite_utils.Database, session: OpenSession, note: bytes, column: str) -> None:
        """Raises SessionAborted when the agreement was revoked since Accept: it ends at once, so nothing is served.

        Raises Conflict when the session has ended: a Settle may look just before a session is taken up again.
        """
        _check_unfinished(db, session.session_id)
        agreement = bytes.fromhex(session.offer.agreement)
        if db.execute(
            "SELECT 1 FROM agreements WHERE hash = ? AND state = 'revoked'", (agreement,)
        ).fetchone():
            raise SessionAborted("the agreement was revoked while the session was open")
        self._desk.log_note(db, EntryKind.PRE_RECORD, note, session.peer.lab)
        update_session(db, session.session_id, **{column: note})
        resumptions.dropped(self._desk.store, db, session.session_id)
        db.execute(
            "UPDATE sessions SET pre_recorded = coalesce(pre_recorded, ?) WHERE session_id = ?",
            (self._desk.now(), session.session_id),
        )

    def _hold(self, db: sqlite_utils.Database, session: OpenSession, learned: Learned) -> None:
        """Raises Conflict when the session has ended already."""
        _check_unfinished(db, session.session_id)
        if not learned.claims:
            return
        update_session(
            db,
            session.session_id,
            own_results=json.dumps(learned.claims),
            salts=json.dumps([salt.hex() for salt in learned.salts]),
        )
        for lane, count in learned.counts.items():
            db.execute(
                "UPDATE session_lanes SET matched = ? WHERE session_id = ? AND lane = ?",
                (count, session.session_id, lane),
            )
        for lane, places in learned.matched.items():
            labels = learned.labels.get(lane, {})
            matched = Matched(session.session_id, session.frozen[lane], places, labels)
            hold_matches(db, matched, session.consortium_key)
        for lane, unopened in learned.unopened.items():
            db.execute(
                "UPDATE session_lanes SET unopened = ? WHERE session_id = ? AND lane = ?",
                (unopened, session.session_id, lane),
            )

    def _complete(
        self, db: sqlite_utils.Database, offer: Offer, record: Record, note: bytes, kind: EntryKind
    ) -> None:
        _check_unfinished(db, offer.session_id)
        peer = self._peer(offer)
        self._desk.log_note(db, kind, note, peer, session_id=offer.session_id)
        state = "complete" if record.outcome == "ok" else "fault"
        reason = (
            None if record.outcome == "ok" else "the two labs counted differently; the results are not shown"
        )
        update_session(
            db, offer.session_id, state=state, record=note, reason=reason, finished=self._desk.now()
        )
        db.execute(
            "UPDATE counters SET previous = ? WHERE initiator = ? AND responder = ?",
            (record.hash(), offer.initiator, offer.responder),
        )
        if record.outcome == "ok":
            publish(db, offer.session_id, peer)
            generations.signed(self._desk.store, db, offer.session_id)
        else:
            self._drop(db, offer.session_id)
            generations.dropped(self._desk.store, db, offer.session_id, doubtful=True)

    @staticmethod
    def _drop(db: sqlite_utils.Database, session_id: str) -> None:
        db.execute("DELETE FROM session_matches WHERE session_id = ?", (session_id,))
        db.execute("UPDATE session_lanes SET matched = NULL WHERE session_id = ?", (session_id,))
        update_session(db, session_id, own_results=None, salts=None)


def _check_unfinished(db: sqlite_utils.Database, session_id: str) -> None:
    """Raise Conflict for a session that has ended: it ends once, though two settle it, or one while it is taken up."""
    (state,) = db.execute("SELECT state FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
    if state not in ("offered", "open", "pending"):
        raise Conflict(f"session {session_id} has ended already: {state}")


def _one_line(words: str) -> str:
    return (" ".join(words.split()) or "no reason given")[:200]
