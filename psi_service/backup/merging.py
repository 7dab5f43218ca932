"""What a backup changes in a database whose log and ledger stay: the lists, and what was found with them.

    from the backup   actors and their indicators, imports, matches, the consortium keys these were made with
    as it is          log, checkpoints, counters, sessions, debits, agreements, peers, tokens, jobs

An actor that was erased after the backup was made does not come back. No suspended session goes on: its sets are of
the lists that go.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from psi_core.errors import StoreError

# Parents first.
_LISTS = ("imports", "actors", "indicators", "staged_indicators", "session_matches", "matches")
_ERASED = (
    "DELETE FROM actors WHERE EXISTS"
    " (SELECT 1 FROM erased_actors e WHERE e.lookup = actors.lookup AND e.erased >= actors.created)"
)
_OTHER_KEYS = "UPDATE consortium_keys SET current = 0"
_KEYS = "SELECT * FROM backup.consortium_keys"
_LATER_SESSIONS = "DELETE FROM session_matches WHERE session_id NOT IN (SELECT session_id FROM sessions)"
_SUSPENDED = "DELETE FROM resumptions"
"""Their frozen sets name actors by rows of the lists that go."""


def merge(database: Path, backup: Path) -> None:
    """Take the lists of `backup` over into `database`; both have this version's schema. Raises StoreError."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("ATTACH ? AS backup", (f"{backup}",))
            connection.execute("BEGIN IMMEDIATE")
            for table in _LISTS:
                connection.execute(f"DELETE FROM main.{table}")  # noqa: S608 -- a name of the list above
                connection.execute(f"INSERT INTO main.{table} SELECT * FROM backup.{table}")  # noqa: S608 -- likewise
            connection.execute(_OTHER_KEYS)
            connection.execute(f"INSERT OR REPLACE INTO main.consortium_keys {_KEYS}")
            connection.execute(_LATER_SESSIONS)
            connection.execute(_SUSPENDED)
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise StoreError(
                    "the backup's lists do not fit the ledger in the folder; nothing was changed"
                )
            connection.execute("COMMIT")
            connection.execute("DETACH backup")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(_ERASED)
        except sqlite3.Error as error:
            raise StoreError(f"the backup could not be merged: {error}; nothing was changed") from error
