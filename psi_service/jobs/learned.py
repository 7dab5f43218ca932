"""What is new with a peer since a job's last good run, whichever session brought it: the peer starts some too."""

from __future__ import annotations

import json

from sqlite_utils import Database

from psi_service.jobs.rows import JobRow
from psi_service.jobs.run_rows import Learned
from psi_service.sessions.views import SessionView

MAX_SESSIONS = 20
"""Sessions that are named as bringing something new."""

# A second's ties are counted again rather than lost, except the session that was counted last.
_NEW = """
    SELECT m.actor, m.first_session FROM matches m JOIN sessions s ON s.session_id = m.first_session
    WHERE m.peer = :peer AND (:since IS NULL OR (s.finished >= :since AND m.first_session IS NOT :after))
        AND (:keys IS NULL OR m.match_key IN (SELECT value FROM json_each(:keys)))
        AND NOT EXISTS (SELECT 1 FROM matches f WHERE f.peer = m.peer AND f.actor = m.actor
                        AND f.match_key = m.match_key AND f.status = 'false positive')
    ORDER BY s.finished DESC
"""
_LAST_COUNTS = "SELECT matched FROM job_runs WHERE job = ? AND state = 'done' ORDER BY id DESC LIMIT 1"


def learned(db: Database, job: JobRow, session: SessionView, now: str) -> Learned:
    """What a completed session of `job` came to; from here on the next count begins. Inside a transaction."""
    matched = {lane.match_key: lane.matched for lane in session.lanes}
    counts = [count for count in matched.values() if count is not None]
    if not counts:
        return Learned(matched=matched)
    if session.reveal == "count":
        found = Learned(new=max(0, sum(counts) - _last_sum(db, job.id)), matched=matched)
    else:
        new, new_in = _new(db, job)
        found = Learned(session.actors, new, new_in, matched)
    db.execute("UPDATE jobs SET new_since = ?, new_after = ? WHERE id = ?", (now, session.session_id, job.id))
    return found


def _new(db: Database, job: JobRow) -> tuple[int, tuple[str, ...]]:
    keys = None if job.wishes.match_keys is None else json.dumps(job.wishes.match_keys)
    parameters = {"peer": job.wishes.peer, "since": job.new_since, "after": job.new_after, "keys": keys}
    rows = db.execute(_NEW, parameters).fetchall()
    sessions = tuple(dict.fromkeys(session for _, session in rows))
    return len({actor for actor, _ in rows}), sessions[:MAX_SESSIONS]


def _last_sum(db: Database, job: int) -> int:
    row = db.execute(_LAST_COUNTS, (job,)).fetchone()
    counts = {} if row is None else json.loads(row[0])
    return sum(count for count in counts.values() if count is not None)
