"""What the store says of sessions, budgets, log and jobs, read in one view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlite_utils import Database

from psi_core.agreement.agreement import Agreement
from psi_core.identity.instant import moment
from psi_service.jobs.late import late_jobs
from psi_service.sessions.usage import spent

_SESSIONS = "SELECT peer, initiator, state, count(*) FROM sessions GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
_IN_FORCE = "SELECT hash, peer, note FROM agreements WHERE state = 'in_force' ORDER BY hash"
_NEWEST_OWN = "SELECT max(signed) FROM own_checkpoints"
_NEWEST_OF_PEERS = "SELECT lab, max(received) FROM peer_checkpoints GROUP BY lab ORDER BY lab"
_JOBS = "SELECT count(*) FROM jobs WHERE paused IS NULL"


class SessionCount(NamedTuple):
    """Sessions with one peer, in one role, in one state."""

    peer: str
    role: str
    state: str
    number: int


class BudgetLine(NamedTuple):
    """What a peer may evaluate in the running period, and how much of that is left."""

    agreement: str
    peer: str
    match_key: str
    limit: int
    left: int


@dataclass(frozen=True)
class Figures:
    """Everything that is read at a scrape. Ages are in seconds; None: there is no checkpoint yet."""

    sessions: tuple[SessionCount, ...]
    budgets: tuple[BudgetLine, ...]
    checkpoint_age: float | None
    peer_checkpoint_ages: tuple[tuple[str, float], ...]
    jobs: int
    jobs_late: int


def read_figures(db: Database, lab: str, now: datetime) -> Figures:
    """Read them for the node of `lab`."""
    own = db.conn.execute(_NEWEST_OWN).fetchone()[0]
    return Figures(
        sessions=tuple(
            SessionCount(peer, "initiator" if initiator == lab else "responder", state, count)
            for peer, initiator, state, count in db.conn.execute(_SESSIONS)
        ),
        budgets=tuple(
            line
            for text_hash, peer, note in db.conn.execute(_IN_FORCE).fetchall()
            for line in _lines(db, bytes(text_hash), peer, Agreement.unverified(bytes(note)), now)
        ),
        checkpoint_age=None if own is None else _age(own, now),
        peer_checkpoint_ages=tuple(
            (peer, _age(last, now)) for peer, last in db.conn.execute(_NEWEST_OF_PEERS)
        ),
        jobs=int(db.conn.execute(_JOBS).fetchone()[0]),
        jobs_late=len(late_jobs(db, now)),
    )


def _lines(
    db: Database, text_hash: bytes, peer: str, terms: Agreement, now: datetime
) -> tuple[BudgetLine, ...]:
    """The peer's budget lines. What we may evaluate there is the peer's ledger."""
    if peer not in terms.learns or not moment(terms.valid_from) <= now < moment(terms.valid_until):
        return ()
    used = spent(db, text_hash, terms.period_at(now))
    return tuple(
        BudgetLine(
            agreement=text_hash.hex()[:8],
            peer=peer,
            match_key=each.match_key,
            limit=each.evaluations_per_period,
            left=max(0, each.evaluations_per_period - used.get((each.match_key, peer), 0)),
        )
        for each in terms.match_keys
    )


def _age(when: str, now: datetime) -> float:
    return max(0.0, (now - moment(when)).total_seconds())
