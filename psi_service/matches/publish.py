"""From a completed session's result to the matches that analysts see."""

from __future__ import annotations

import sqlite_utils


def publish(db: sqlite_utils.Database, session_id: str, peer: str) -> None:
    """Show what a session matched, in the current transaction: the one that logs the record with both signatures.

    A match that is known already keeps its status (a false positive stays one) and its first session. What
    the peer says of it is what it said last, and stays when labels did not go along.
    """
    db.execute(
        "INSERT INTO matches (peer, actor, match_key, fingerprint, first_session, last_session, label)"
        " SELECT ?, actor, match_key, fingerprint, session_id, session_id, label"
        " FROM session_matches WHERE session_id = ?"
        " ON CONFLICT (peer, actor, match_key, fingerprint) DO UPDATE SET last_session = excluded.last_session,"
        " label = coalesce(excluded.label, label)",
        (peer, session_id),
    )
