"""When a node may sign: its log must extend everything of it that is known elsewhere.

the tree      every entry and node hashes to what was stored
head file     there, whole, of this log, and a prefix of the database's entries
peer's copy   a checkpoint that our log key signed is a prefix too
backup        a log that was restored from one has been recovered
successor     the log has not named one
"""

from __future__ import annotations

import hmac

from sqlite_utils import Database

from psi_core.errors import InvalidText, NodeRefusing
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry
from psi_core.log.succession import number_of, successor
from psi_core.log.tree import root
from psi_service.log.head_file import HeadFile
from psi_service.log.stored_tree import check_tree, node_reader, read_entry, stored_size
from psi_service.log.succession import closing


def checkpoint_of(db: Database, origin: str, size: int) -> Checkpoint:
    """The unsigned head of the first `size` entries. Raises NodeRefusing when there are fewer."""
    return Checkpoint(origin, size, root(size, node_reader(db)))


def check_start(db: Database, head_file: HeadFile, origin: str) -> Checkpoint:
    """Check the whole tree and that it extends the head file; returns the log's present head.

    Raises NodeRefusing with the reason and what to do.
    """
    size = check_tree(db)
    check_recovered(db)
    head = head_file.read()
    if head is None and size > 0:
        raise NodeRefusing(
            f"the head file {head_file.path} is missing, and the log has {size} entries. Put the file back; "
            "without it the log cannot show that it was not set back, and nothing is signed"
        )
    check_not_succeeded(db, size)
    if head is not None:
        if _later(head.origin, origin):
            raise NodeRefusing(
                f"the head file {head_file.path} is of {head.origin}, a later log of this lab: the store and the keys "
                "are from before that began. Put the newest ones back, or begin another log with "
                "`psi-node log new-start`"
            )
        if head.origin != origin:
            raise NodeRefusing(
                f"the head file {head_file.path} belongs to the log {head.origin}, this one is {origin}. "
                "Set head_file to this log's own"
            )
        check_extends(db, head, f"the head file {head_file.path}")
    return checkpoint_of(db, origin, size)


def check_not_succeeded(db: Database, size: int) -> None:
    """A log that has named its successor may not go on, unless it is just being closed. Raises NodeRefusing."""
    data = read_entry(db, size - 1) if size else b""
    try:
        following = successor(Entry.decode(data)) if data else None
    except InvalidText:
        return
    if following is not None and closing(db) is None:
        raise NodeRefusing(
            f"the log was closed for {following.name}, which is not here: the store and the keys are from before that "
            "began. Put the newest ones back, or begin another log with `psi-node log new-start`"
        )


def _later(origin: str, own: str) -> bool:
    try:
        return origin.startswith(own.partition("/psi-log")[0] + "/") and number_of(origin) > number_of(own)
    except InvalidText:
        return False


def check_recovered(db: Database) -> None:
    """A log that came from a backup may lack what was signed after it. Raises NodeRefusing until it is recovered."""
    row = db.conn.execute("SELECT made, size FROM restorations WHERE recovered IS NULL").fetchone()
    if row is not None:
        raise NodeRefusing(
            f"the log was restored from a backup of {row[0]} with {row[1]} entries, and may have gone on after it. "
            "Nothing is signed until it has been recovered: stop the node, then `psi-node log recover`"
        )


def check_extends(db: Database, known: Checkpoint, source: str) -> None:
    """Check that the stored log extends `known`, which `source` remembers. Raises NodeRefusing."""
    size = stored_size(db)
    if known.size > size:
        raise NodeRefusing(
            f"the log was set back: {source} has {known.size} entries, the database {size}. "
            "Put the newest database back, or recover what is missing with `psi-node log recover`; "
            "nothing is signed until then"
        )
    if not hmac.compare_digest(root(known.size, node_reader(db)), known.root):
        raise NodeRefusing(
            f"the log was forked: its first {known.size} entries are not those of {source}. "
            "Put back the database that was in use, or begin a new log with `psi-node log new-start`; "
            "nothing is signed until then"
        )
