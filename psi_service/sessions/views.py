"""Sessions as people and the API see them; true sizes and pending results are not in here."""

from __future__ import annotations

from typing import Any

import sqlite_utils
from pydantic import BaseModel, ConfigDict

from psi_core.errors import NotFound
from psi_core.session.opening import Offer
from psi_service.sessions.progress import PHASES, Progress
from psi_service.sessions.resumptions import find


class LaneView(BaseModel):
    """One lane: padded sizes, and how many of our own elements matched once the record has both signatures.

    `run` (engine `oprf`): in full and why, or on which generation with what changed. `unopened`: how many labels of the
    peer did not open, or could not be read; a match by its tag alone is none.
    """

    model_config = ConfigDict(frozen=True)

    match_key: str
    engine: str
    own_size: int
    peer_size: int | None
    matched: int | None
    run: str | None = None
    unopened: int = 0


class SessionView(BaseModel):
    """One session from our side.

    `state` is `suspended` for one that broke off and may go on: since when, until when, and how much of it was done.
    `resumed_at`: how much was done of one that went on, in percent, when it was taken up again last.
    """

    model_config = ConfigDict(frozen=True)

    session_id: str
    agreement: str
    peer: str
    role: str
    state: str
    direction: str
    reveal: str
    period: int
    counter: int
    started: str
    finished: str | None
    reason: str | None
    late: bool
    lanes: tuple[LaneView, ...]
    phase: str | None = None
    step: int = 0
    steps: int = len(PHASES)
    runs_done: int = 0
    runs_total: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float | None = None
    actors: int | None = None
    new_actors: int | None = None
    left_out: int = 0
    suspended: str | None = None
    resume_until: str | None = None
    done_percent: int | None = None
    resumed_at: int | None = None

    def with_progress(self, progress: Progress) -> SessionView:
        """The same session with where it stands now."""
        return self.model_copy(
            update={
                "phase": progress.phase,
                "step": PHASES.index(progress.phase) + 1 if progress.phase else 0,
                "runs_done": progress.runs_done,
                "runs_total": progress.runs_total,
                "bytes_sent": progress.bytes_sent,
                "bytes_received": progress.bytes_received,
                "seconds": progress.seconds(),
                "left_out": progress.left_out,
                "resumed_at": progress.resumed_at,
            }
        )


def one(db: sqlite_utils.Database, session_id: str, own_lab: str, now: str) -> SessionView:
    """One session by id, as it is `now` (RFC 3339); raises NotFound."""
    for row in db.query("SELECT * FROM sessions WHERE session_id = ?", (session_id,)):
        return _view(db, row, own_lab, now)
    raise NotFound(f"there is no session {session_id}; see `psi sessions list`")


def newest(
    db: sqlite_utils.Database, own_lab: str, peer: str | None, limit: int, now: str
) -> list[SessionView]:
    """The newest sessions, newest first, with one peer or all."""
    rows = db.query(
        "SELECT * FROM sessions WHERE ? IS NULL OR peer = ? ORDER BY rowid DESC LIMIT ?", (peer, peer, limit)
    )
    return [_view(db, row, own_lab, now) for row in list(rows)]


def _view(db: sqlite_utils.Database, row: dict[str, Any], own_lab: str, now: str) -> SessionView:
    shown = row["state"] == "complete"
    lanes = tuple(
        LaneView(
            match_key=lane["match_key"],
            engine=lane["engine"],
            own_size=lane["own_size"],
            peer_size=lane["peer_size"],
            matched=lane["matched"] if shown else None,
            run=lane["run"],
            unopened=lane["unopened"] if shown else 0,
        )
        for lane in db.query(
            "SELECT * FROM session_lanes WHERE session_id = ? ORDER BY lane", (row["session_id"],)
        )
    )
    actors, new = _actors(db, row["session_id"]) if shown and row["reveal"] == "items" else (None, None)
    suspended = find(db, row["session_id"], now)
    return SessionView(
        session_id=row["session_id"],
        agreement=bytes(row["agreement"]).hex(),
        peer=row["peer"],
        role="initiator" if row["initiator"] == own_lab else "responder",
        state=row["state"] if suspended is None else "suspended",
        direction=row["direction"],
        reveal=row["reveal"],
        period=row["period"],
        counter=row["counter"],
        started=row["started"],
        finished=row["finished"],
        reason=row["reason"],
        late=bool(row["late"]),
        lanes=lanes or _offered_lanes(row),
        actors=actors,
        new_actors=new,
        suspended=suspended and suspended.since,
        resume_until=suspended and suspended.until,
        done_percent=suspended and suspended.percent,
    )


def _offered_lanes(row: dict[str, Any]) -> tuple[LaneView, ...]:
    """Lanes of a session that was never accepted: as the Offer names them."""
    ours = Offer.unverified(row["offer"])
    return tuple(
        LaneView(
            match_key=lane.match_key,
            engine=lane.engine,
            own_size=lane.padded_size,
            peer_size=None,
            matched=None,
        )
        for lane in ours.lanes
        if row["initiator"] == ours.initiator and row["peer"] == ours.responder
    )


def _actors(db: sqlite_utils.Database, session_id: str) -> tuple[int, int]:
    """How many own actors this session matched, and how many of them had a match that no earlier session brought."""
    matched = "SELECT count(DISTINCT actor) FROM session_matches WHERE session_id = ?"
    new = "SELECT count(DISTINCT actor) FROM matches WHERE first_session = ?"
    (actors,), (first,) = (db.execute(each, (session_id,)).fetchone() for each in (matched, new))
    return actors, first
