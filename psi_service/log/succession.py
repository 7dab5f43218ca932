"""When one log of this node gives way to the next: closed, put away whole, followed.

`past_logs` has a row for each log that ends: first without `put_away` (the log has named its successor, and may not
grow any more), then with it (the next log has begun).
"""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.errors import NodeRefusing
from psi_core.log.key import Verifier
from psi_core.log.tree import ReadNode

_MOVE = (
    "INSERT INTO past_log_entries SELECT :origin, position, kind, peer, data FROM log_entries",
    "INSERT INTO past_log_nodes SELECT :origin, level, position, hash FROM log_nodes",
)
_EMPTY = ("log_entries", "log_nodes", "own_checkpoints", "log_witnesses", "cosigned_checkpoints")
_CLOSE = "INSERT INTO past_logs VALUES (:origin, :key, :successor, x'', 0, :now, NULL)"
_PUT_AWAY = """
INSERT INTO past_logs VALUES (:origin, :key, :successor, :checkpoint, :size, :now, :now)
ON CONFLICT (origin) DO UPDATE SET successor = excluded.successor, checkpoint = excluded.checkpoint,
  size = excluded.size, put_away = excluded.put_away
"""
_CLOSED = "SELECT origin, successor FROM past_logs WHERE put_away IS NULL"
_NEWEST = "SELECT successor FROM past_logs WHERE put_away IS NOT NULL ORDER BY rowid DESC LIMIT 1"


def past_nodes(db: Database, origin: str) -> ReadNode:
    """Reads the tree of a log that was put away; raises NodeRefusing for a node that it does not have."""
    sql = "SELECT hash FROM past_log_nodes WHERE origin = ? AND level = ? AND position = ?"

    def read(level: int, position: int) -> bytes:
        row = db.conn.execute(sql, (origin, level, position)).fetchone()
        if row is None:
            raise NodeRefusing(
                f"the log {origin} that was put away does not have node {position} of level {level}"
            )
        return bytes(row[0])

    return read


def close(db: Database, key: Verifier, successor: Verifier, now: str) -> None:
    """Note that the log of `key` has named its successor: from here on only `put_away` may follow."""
    values = {"origin": key.name, "key": str(key), "successor": str(successor), "now": now}
    db.conn.execute(_CLOSE, values)


def put_away(
    db: Database, key: Verifier, successor: Verifier, checkpoint: bytes, size: int, now: str
) -> None:
    """Move the whole log of `key` aside, in the open transaction; the tables are empty then, for the next log."""
    origin = {"origin": key.name}
    for sql in _MOVE:
        db.conn.execute(sql, origin)
    for table in _EMPTY:
        db.conn.execute(f"DELETE FROM {table}")  # noqa: S608 -- a name of the list above
    values = {
        "key": str(key),
        "successor": str(successor),
        "checkpoint": checkpoint,
        "size": size,
        "now": now,
    }
    db.conn.execute(_PUT_AWAY, origin | values)


def closing(db: Database) -> Verifier | None:
    """The successor's key, while the log is closed and the next one has not begun."""
    row = db.conn.execute(_CLOSED).fetchone()
    return None if row is None else Verifier.parse(row[1])


def due_key(db: Database) -> Verifier | None:
    """The key that the log in the store has to have, because the one before it named it; None for a first log."""
    row = db.conn.execute(_NEWEST).fetchone()
    return None if row is None else Verifier.parse(row[0])


def check_in_place(db: Database, own: Verifier) -> None:
    """Raise NodeRefusing when a succession of logs was broken off."""
    due = due_key(db)
    if closing(db) is not None or (due is not None and due != own):
        raise NodeRefusing(
            "the change to a new log key was broken off. Nothing is signed until it is finished: "
            "psi-node log rotate"
        )
