"""What the ledger holds about an agreement and an ordered pair, read inside the transaction that decides on it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlite_utils

from psi_core.agreement.policy import Usage
from psi_core.identity.instant import moment
from psi_core.session.counter import ZEROS
from psi_core.session.opening import MAX_OFFER, PROTOCOL, Offer


@dataclass(frozen=True)
class OwnTerms:
    """This node's own profile and consortium key id."""

    profile: str
    key_id: str


NO_TERMS = OwnTerms(profile="", key_id="")


@dataclass(frozen=True)
class Counters:
    """An ordered pair's state: highest counter spent, the Offer that spent it (a note), the last full record's hash."""

    highest: int
    offer: bytes
    previous: bytes


def counters(db: sqlite_utils.Database, initiator: str, responder: str) -> Counters:
    """The pair's counters; zero, no offer and 32 zero bytes before the first."""
    row = db.execute(
        "SELECT highest, offer, previous FROM counters WHERE initiator = ? AND responder = ?",
        (initiator, responder),
    ).fetchone()
    return Counters(*row) if row else Counters(0, b"", ZEROS)


def spend_counter(db: sqlite_utils.Database, offer: Offer, note: bytes) -> None:
    """Note the counter of a logged Offer; the highest ever seen stays."""
    db.execute(
        "INSERT INTO counters (initiator, responder, highest, offer, previous) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (initiator, responder) DO UPDATE SET highest = excluded.highest, offer = excluded.offer"
        " WHERE excluded.highest > counters.highest",
        (offer.initiator, offer.responder, offer.counter, note, ZEROS),
    )


def last_record(db: sqlite_utils.Database, offer: Offer) -> str | None:
    """The last record of the Offer's ordered pair with both signatures; None without one, or too long for a Refuse."""
    row = db.execute(
        "SELECT record FROM sessions WHERE initiator = ? AND responder = ? AND state IN ('complete', 'fault')"
        " ORDER BY counter DESC LIMIT 1",
        (offer.initiator, offer.responder),
    ).fetchone()
    return row[0].decode() if row and row[0] and len(row[0]) <= MAX_OFFER else None


def spent(db: sqlite_utils.Database, agreement: bytes, period: int) -> dict[tuple[str, str], int]:
    """Evaluations by (match key, receiving lab) in one period; what a restore withheld counts too."""
    rows = db.execute(
        "SELECT match_key, receiver, sum(evaluations) FROM ("
        " SELECT match_key, receiver, evaluations FROM debits WHERE agreement = :agreement AND period = :period"
        " UNION ALL SELECT match_key, receiver, evaluations FROM withheld_budgets"
        " WHERE agreement = :agreement AND period = :period) GROUP BY 1, 2",
        {"agreement": agreement, "period": period},
    )
    return {(match_key, receiver): evaluations for match_key, receiver, evaluations in rows}


def usage(db: sqlite_utils.Database, offer: Offer, own: OwnTerms) -> Usage:
    """The policy's view for one Offer, before that Offer itself is written down."""
    agreement = bytes.fromhex(offer.agreement)
    pair = (offer.initiator, offer.responder)
    state = db.execute("SELECT state FROM agreements WHERE hash = ?", (agreement,)).fetchone()
    last = db.execute(
        "SELECT max(pre_recorded) FROM sessions WHERE initiator = ? AND responder = ?", pair
    ).fetchone()[0]
    late = db.execute(
        "SELECT count(*) FROM sessions WHERE agreement = ? AND initiator = ? AND responder = ? AND late = 1"
        " AND period = ?",
        (agreement, *pair, offer.period),
    ).fetchone()[0]
    others = db.execute(
        "SELECT count(*) FROM sessions WHERE agreement = ? AND initiator = ? AND responder = ? AND session_id <> ?"
        " AND state IN ('offered', 'open', 'pending')",
        (agreement, *pair, offer.session_id),
    ).fetchone()[0]
    known = counters(db, *pair)
    return Usage(
        state=state[0] if state else "unknown",
        own_protocol=PROTOCOL,
        own_profile=own.profile,
        own_key_id=own.key_id,
        spent=spent(db, agreement, offer.period),
        last_pre_record=moment(last) if last else None,
        late_aborts=late,
        open_sessions=others,
        expected_counter=known.highest + 1,
        got_counter=offer.counter,
        expected_previous=known.previous,
        got_previous=bytes.fromhex(offer.previous),
    )
