"""Jobs whose time has passed without a run: what a person should look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlite_utils import Database

from psi_service.clock import instant

GRACE = timedelta(minutes=10)
"""How long after its time a job that has not begun is late."""

_LATE = "SELECT id, peer, next_due FROM jobs WHERE paused IS NULL AND next_due < ? ORDER BY next_due, id"


def is_late(due: datetime | None, now: datetime) -> bool:
    """Whether a job that is due at `due` (None: it is paused) has not begun in time."""
    return due is not None and instant(due) < instant(now - GRACE)


class LateJob(NamedTuple):
    """A job's number, its peer, and when it was due (RFC 3339)."""

    number: int
    peer: str
    due: str


def late_jobs(db: Database, now: datetime) -> list[LateJob]:
    """Every late job, the latest first."""
    return [LateJob(*row) for row in db.conn.execute(_LATE, (instant(now - GRACE),))]
