"""The books of refusals, ours and the peer's: each is logged, spends the counter, and ends its session."""

from __future__ import annotations

import sqlite_utils

from psi_core.agreement.usage_rules import out_of_turn
from psi_core.errors import Conflict, Refused
from psi_core.log.entry import EntryKind
from psi_core.session.counter import NO_OFFER, next_counter
from psi_core.session.opening import Offer, Refuse
from psi_service.sessions import resumptions
from psi_service.sessions.books import Desk, insert_session, session_known, update_session
from psi_service.sessions.usage import counters, last_record, spend_counter


class RefusalBooks:
    """Named transactions that end a session before it is served, for both sides."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

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
            log_decision(self._desk, db, offer, signed, offer.initiator, accepted=False)
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

    async def decline(self, offer: Offer, accept_note: bytes, refusal: Refused) -> bytes:
        """Initiator: log an Accept that we do not begin on, and our signed Refuse, which is returned."""

        def work(db: sqlite_utils.Database) -> bytes:
            signed = self._refuse_text(offer, refusal, None)
            log_decision(self._desk, db, offer, accept_note, offer.responder, accepted=False)
            log_decision(self._desk, db, offer, signed, offer.responder, accepted=False)
            self._end(db, offer, signed, f"refused by {self._desk.lab}: {refusal.words}")
            return signed

        return await self._desk.store.transaction(work)

    async def refused(self, offer: Offer, refuse: Refuse, note: bytes, *, proven: int | None = None) -> None:
        """Log the peer's signed Refuse; `proven` is the highest counter that a Refuse `counter` proved.

        Raises Conflict when the session has ended, or has a pre-record: from there on it breaks late.
        """

        def work(db: sqlite_utils.Database) -> None:
            _check_not_served(db, offer.session_id)
            log_decision(self._desk, db, offer, note, refuse.by, accepted=False)
            self._end(db, offer, note, f"refused by {refuse.by}: {refuse.words}")
            if proven is not None:
                self._gap(db, offer, proven, note, refuse.by)
                db.execute(
                    "UPDATE counters SET highest = max(highest, ?) WHERE initiator = ? AND responder = ?",
                    (proven, offer.initiator, offer.responder),
                )

        await self._desk.store.transaction(work)

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
        resumptions.dropped(self._desk.store, db, offer.session_id)


def log_decision(
    desk: Desk,
    db: sqlite_utils.Database,
    offer: Offer,
    note: bytes,
    peer: str,
    *,
    accepted: bool,
    **also: object,
) -> None:
    """The entry of a decision: an Accept or a Refuse, of either side; with an Accept also the debits."""
    desk.log_note(db, EntryKind.DECISION, note, peer, session_id=offer.session_id, accepted=accepted, **also)


def _check_not_served(db: sqlite_utils.Database, session_id: str) -> None:
    """Raise Conflict unless a session may still be refused."""
    state, pre_recorded = db.execute(
        "SELECT state, pre_recorded FROM sessions WHERE session_id = ?", (session_id,)
    ).fetchone()
    if state not in ("offered", "open") or pre_recorded is not None:
        raise Conflict(f"session {session_id} is past the point where it can be refused: {state}")
