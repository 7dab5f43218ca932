"""Runs in the store: begun when a due time is claimed, ended with a result, folded when nothing has changed.

claim      the due times that have come are taken off the job, in one transaction with the row of their run
finish     a run that ended badly in the same way as the one before is counted there, and leaves no row
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from sqlite_utils import Database

from psi_core.identity.instant import instant
from psi_service.jobs.rows import JobRow
from psi_service.jobs.schedule import Passed
from psi_service.jobs.verdict import Verdict
from psi_service.jobs.views import RunView

KEPT_RUNS = 200
"""Rows of runs that are kept for each job; what they covered stays counted in the job."""
SHOWN_RUNS = 50
MAX_WORDS = 600

_CLAIM = """
    UPDATE jobs SET next_due = ?, dues = dues + ?, misfires = misfires + ?, overlaps = overlaps + ?
    WHERE id = ? AND next_due = ?
"""
_BEFORE = """
    SELECT id, state, code, times FROM job_runs WHERE job = ? AND id < ? AND finished IS NOT NULL
    ORDER BY id DESC LIMIT 1
"""
_FOLD = """
    UPDATE job_runs SET times = times + 1, covers = job_runs.covers + run.covers, attempts = attempts + ?,
        due = run.due, finished = ?, words = ?, session_id = ?
    FROM (SELECT covers, due FROM job_runs WHERE id = ?) AS run WHERE job_runs.id = ?
"""
_END = """
    UPDATE job_runs SET finished = ?, state = ?, code = ?, words = ?, attempts = ?, session_id = ?,
        actors = ?, new = ?, new_in = ?, matched = ? WHERE id = ?
"""
_FORGET = """
    DELETE FROM job_runs WHERE job = ? AND finished IS NOT NULL AND id NOT IN
        (SELECT id FROM job_runs WHERE job = ? ORDER BY id DESC LIMIT ?)
"""


@dataclass(frozen=True)
class Learned:
    """What a good run's session matched, and what of it is new since the last good run."""

    actors: int | None = None
    new: int | None = None
    new_in: tuple[str, ...] = ()
    matched: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    verdict: Verdict
    attempts: int
    session_id: str | None
    learned: Learned = Learned()


@dataclass(frozen=True)
class Before:
    """The run before this one: its state, and how many runs in a row had ended like it."""

    state: str
    code: str | None
    times: int

    def same_as(self, verdict: Verdict) -> bool:
        """Whether `verdict` is bad news that is known already."""
        return verdict.state != "done" and (self.state, self.code) == (verdict.state, verdict.code)


def claim(db: Database, job: JobRow, passed: Passed, now: str, *, busy: bool) -> int | None:
    """Take the due times that have come off the job, for one run, or as overlaps when it is `busy`.

    Returns the run's number; None when there is no run, or another caller was first.
    """
    overlaps = passed.count if busy else 0
    values = (instant(passed.next_due), passed.count, passed.late, overlaps, job.id, job.next_due)
    if db.execute(_CLAIM, values).rowcount == 0 or busy:
        return None
    return begin(db, job.id, now, due=instant(passed.latest), covers=passed.count)


def begin(
    db: Database, job: int, now: str, *, due: str | None = None, covers: int = 0, asked: bool = False
) -> int:
    """Note that a run has begun; returns its number."""
    row = {"job": job, "asked": int(asked), "due": due, "covers": covers, "started": now, "state": "running"}
    return cast(int, db.table("job_runs").insert(row).last_pk)


def finish(db: Database, job: int, run: int, outcome: Outcome, now: str) -> Before | None:
    """Note how a run ended; returns the run before it. The run's own row is gone when it was folded into that one.

    Of a job that was removed meanwhile nothing is noted.
    """
    row = db.execute("SELECT asked FROM job_runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        return None
    found = db.execute(_BEFORE, (job, run)).fetchone()
    before = None if found is None else Before(*found[1:])
    verdict, words = outcome.verdict, outcome.verdict.words[:MAX_WORDS]
    # A run that a person waits for keeps its row.
    if before is not None and before.same_as(verdict) and not row[0]:
        db.execute(_FOLD, (outcome.attempts, now, words, outcome.session_id, run, found[0]))
        db.execute("DELETE FROM job_runs WHERE id = ?", (run,))
        return before
    learned = outcome.learned
    db.execute(
        _END,
        (
            now,
            verdict.state,
            verdict.code or None,
            words or None,
            outcome.attempts,
            outcome.session_id,
            learned.actors,
            learned.new,
            json.dumps(learned.new_in),
            json.dumps(learned.matched),
            run,
        ),
    )
    db.execute(_FORGET, (job, job, KEPT_RUNS))
    return before


def interrupt(db: Database, now: str) -> dict[int, str | None]:
    """At start: end what the node's own end broke off. Returns jobs whose due run has to be begun again, and its due.

    What a person had asked for is not begun again.
    """
    rows = db.execute("SELECT job, due FROM job_runs WHERE state = 'running' AND NOT asked").fetchall()
    db.execute(
        "UPDATE job_runs SET state = 'interrupted', finished = ?, words = ? WHERE state = 'running'",
        (now, "the node stopped in mid-run"),
    )
    return dict(rows)


def note_told(db: Database, run: int, told: str) -> None:
    """Note what became of telling."""
    db.execute("UPDATE job_runs SET told = ? WHERE id = ?", (told[:MAX_WORDS], run))


def newest(db: Database, job: int, limit: int) -> tuple[RunView, ...]:
    """Runs, newest first."""
    found = db.query("SELECT * FROM job_runs WHERE job = ? ORDER BY id DESC LIMIT ?", (job, limit))
    return tuple(_view(row) for row in list(found))


def _view(row: dict[str, object]) -> RunView:
    new_in = json.loads(str(row["new_in"] or "[]"))
    matched = json.loads(str(row["matched"] or "{}"))
    return RunView.model_validate({**row, "asked": bool(row["asked"]), "new_in": new_in, "matched": matched})
