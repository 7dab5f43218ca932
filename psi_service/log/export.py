"""A copy of the log for an auditor, in the layout of c2sp.org/tlog-tiles, readable without this service.

Keys are not part of it: a key found beside the log that it signs would prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from psi_core.errors import Conflict
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.note import Note
from psi_core.log.tiles import layout
from psi_core.log.withheld import for_peer
from psi_service.log.cosigned import newest_cosigned, size_of
from psi_service.log.node_log import NodeLog
from psi_service.log.stored_tree import node_reader, read_entry
from psi_service.store.database import Store


@dataclass(frozen=True)
class LogExport:
    """What was written: the log's name, its number of entries, the number of files and where they are."""

    origin: str
    size: int
    files: int
    directory: Path


async def export_log(store: Store, log: NodeLog, directory: Path, *, peer: str | None = None) -> LogExport:
    """Sign a checkpoint and write it, every tile and every entry of that size below `directory`.

    `directory` is made when missing, and must be empty. The checkpoint is written last: a copy without it was
    broken off. A file `cosigned` holds the newest checkpoint that witnesses had seen, when that is an older one.
    Raises NodeRefusing, Conflict.
    """
    note = await log.checkpoint()
    head = Checkpoint.parse(Note.parse(note).text)

    def shown(entry: bytes) -> bytes:
        return entry if peer is None else for_peer(entry, peer)

    def write(db: Database) -> int:
        prepare(directory)
        files = layout(head.size, node_reader(db), lambda position: shown(read_entry(db, position)))
        count = 0
        for path, content in files:
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            count += 1
        seen = newest_cosigned(db)
        latest = seen if seen and size_of(seen) == head.size else note
        if seen and latest is note:
            (directory / "cosigned").write_bytes(seen)
            count += 1
        (directory / "checkpoint").write_bytes(latest)
        return count + 1

    return LogExport(head.origin, head.size, await store.query(write), directory)


def prepare(directory: Path) -> None:
    """Make the folder; raises Conflict when it holds anything."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Conflict(f"{directory} is not empty: name a new folder, so that no two logs are mixed")
