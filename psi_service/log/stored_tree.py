"""The log's tree as it lies in the database: reading nodes, appending an entry, checking the whole of it."""

from __future__ import annotations

import hmac

from sqlite_utils import Database

from psi_core.errors import NodeRefusing
from psi_core.log.entry import Entry
from psi_core.log.tree import ReadNode, appended, leaf_hash, node_hash
from psi_core.log.withheld import WITHHELD

UNDISCLOSED = "undisclosed"
"""Kind of an entry of which a recovered log has the hash alone. Its data is empty, as in an export that withholds it.
"""

_NODES_WITH_CHILDREN = """
    SELECT parent.position, parent.hash, one.hash, two.hash FROM log_nodes AS parent
    LEFT JOIN log_nodes AS one ON one.level = parent.level - 1 AND one.position = 2 * parent.position
    LEFT JOIN log_nodes AS two ON two.level = parent.level - 1 AND two.position = 2 * parent.position + 1
    WHERE parent.level = ? ORDER BY parent.position
"""
_ENTRIES_WITH_LEAVES = """
    SELECT entry.position, leaf.hash, entry.data FROM log_entries AS entry
    LEFT JOIN log_nodes AS leaf ON leaf.level = 0 AND leaf.position = entry.position
    ORDER BY entry.position
"""


def stored_size(db: Database) -> int:
    """The number of entries. Positions run from 0 without gaps, which `check_tree` holds them to."""
    return int(db.conn.execute("SELECT coalesce(max(position) + 1, 0) FROM log_entries").fetchone()[0])


def node_reader(db: Database) -> ReadNode:
    """Reads the hash of a complete subtree, 32 bytes; raises NodeRefusing when it is missing."""

    def read(level: int, position: int) -> bytes:
        found = db.conn.execute(
            "SELECT hash FROM log_nodes WHERE level = ? AND position = ?", (level, position)
        ).fetchone()
        if found is None:
            raise NodeRefusing(_damaged(f"node {position} of level {level} is missing"))
        return bytes(found[0])

    return read


def read_entry(db: Database, position: int) -> bytes:
    """The bytes of one entry as they were logged, empty when it is undisclosed; raises NodeRefusing when missing."""
    found = db.conn.execute("SELECT data FROM log_entries WHERE position = ?", (position,)).fetchone()
    if found is None:
        raise NodeRefusing(_damaged(f"entry {position} is missing"))
    return bytes(found[0])


def store_entry(db: Database, entry: Entry) -> int:
    """Append `entry` and the nodes that it completes, in the open transaction; returns its position."""
    data = entry.encode()
    return _store(db, str(entry.kind), entry.peer, data, leaf_hash(data))


def store_leaf(db: Database, leaf: bytes, data: bytes | None) -> int:
    """Append an entry that was lost, in the open transaction: by its hash alone when nobody had it in plain.

    Raises InvalidText when `data` is no entry; that it has this hash is the caller's to know.
    """
    if data is None:
        return _store(db, UNDISCLOSED, None, WITHHELD, leaf)
    entry = Entry.decode(data)
    return _store(db, str(entry.kind), entry.peer, data, leaf)


def _store(db: Database, kind: str, peer: str | None, data: bytes, leaf: bytes) -> int:
    position = stored_size(db)
    db.conn.execute(
        "INSERT INTO log_entries (position, kind, peer, data) VALUES (?, ?, ?, ?)",
        (position, kind, peer, data),
    )
    db.conn.executemany(
        "INSERT INTO log_nodes (level, position, hash) VALUES (?, ?, ?)",
        appended(position, leaf, node_reader(db)),
    )
    return position


def check_tree(db: Database) -> int:
    """Hash every entry and every node again; returns the number of entries.

    Raises NodeRefusing when an entry or node was altered, or is missing. Needs memory for one row at a time;
    about half a second for 100,000 entries.
    """
    size = 0
    for position, leaf, data in db.conn.execute(_ENTRIES_WITH_LEAVES):
        if position != size:
            raise NodeRefusing(_damaged(f"entry {size} is missing"))
        if leaf is None or (data != WITHHELD and not hmac.compare_digest(leaf, leaf_hash(data))):
            raise NodeRefusing(_damaged(f"entry {position} is not the one that was logged"))
        size += 1
    # From the leaves to one level above the root: the last must be empty, as must be whatever is beyond.
    for level in range(1, size.bit_length() + 1):
        _check_level(db, level, size >> level)
    _check_count(db, size)
    return size


def _check_level(db: Database, level: int, width: int) -> None:
    expected = 0
    for position, own, left, right in db.conn.execute(_NODES_WITH_CHILDREN, (level,)):
        if position != expected or left is None or right is None:
            raise NodeRefusing(_damaged(f"node {expected} of level {level} is missing or out of place"))
        if not hmac.compare_digest(own, node_hash(left, right)):
            raise NodeRefusing(_damaged(f"node {position} of level {level} was altered"))
        expected += 1
    if expected != width:
        raise NodeRefusing(_damaged(f"level {level} has {expected} nodes instead of {width}"))


def _check_count(db: Database, size: int) -> None:
    stored = int(db.conn.execute("SELECT count(*) FROM log_nodes").fetchone()[0])
    if stored != sum(size >> level for level in range(size.bit_length())):
        raise NodeRefusing(_damaged("there are nodes that belong to no entry"))


def _damaged(what: str) -> str:
    return (
        f"the log in the database was changed outside the node: {what}. "
        "Put back the newest backup that reaches the head file; nothing is signed until then"
    )
