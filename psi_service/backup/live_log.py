"""Whether the log that lies in a node's folder now may stay, when a backup is restored over it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from psi_core.errors import NodeRefusing, StoreError
from psi_core.log.tree import root
from psi_service.log.head_file import HeadFile
from psi_service.log.start_rules import check_extends, check_start, checkpoint_of
from psi_service.log.stored_tree import stored_size
from psi_service.log.succession import past_nodes
from psi_service.store.database import DATABASE_FILE
from psi_service.store.migrations import migrate
from psi_service.store.reading import copy_store, reading


def copied(data_dir: Path, folder: Path) -> None:
    """Copy the live database into `folder`, brought up to this version's schema. Raises StoreError."""
    copy_store(data_dir, folder / DATABASE_FILE)
    bring_up_to_date(folder / DATABASE_FILE)


def bring_up_to_date(database: Path) -> None:
    """Migrate a database that no node has open. Raises StoreError."""
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            migrate(connection)
    except sqlite3.Error as error:
        raise StoreError(f"the database cannot be read: {error}") from error


def check_live_log(folder: Path, head_path: Path, origin: str, backup: Database, saved: str) -> int:
    """Check the copy in `folder`, its log against the head file, and that it goes on from the backup's log `saved`.

    The backup may be of a log that ended since: then it has to be the beginning of that one, as it was put away.
    Returns its size. Raises StoreError, NodeRefusing: then the log is lost, and the backup's takes its place.
    """
    with reading(folder) as live:
        if live.conn.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise StoreError("the database in the folder is damaged")
        head = check_start(live, HeadFile(head_path), origin)
        if head.size == 0:
            raise NodeRefusing("the log in the folder is empty")
        known = checkpoint_of(backup, saved, stored_size(backup))
        if saved == origin:
            check_extends(live, known, "the backup")
        elif root(known.size, past_nodes(live, saved)) != known.root:
            raise NodeRefusing(f"the log {saved} that was put away in the folder is not the backup's")
        return head.size
