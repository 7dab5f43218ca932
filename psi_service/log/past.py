"""Logs that this node has closed, and their export: an auditor can still have them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlite_utils import Database

from psi_core.errors import Conflict, NotFound
from psi_core.log.succession import number_of
from psi_core.log.tiles import layout
from psi_core.log.withheld import for_peer
from psi_service.log.export import LogExport, prepare
from psi_service.log.succession import past_nodes
from psi_service.log.tile_files import tile_of


class PastLog(NamedTuple):
    """A log that ended: its origin, how many entries its last checkpoint covers, that note, when the next one began."""

    origin: str
    size: int
    checkpoint: bytes
    put_away: str


def past_logs(db: Database) -> list[PastLog]:
    """Every log that ended, the oldest first."""
    rows = db.conn.execute(
        "SELECT origin, size, checkpoint, put_away FROM past_logs WHERE put_away IS NOT NULL ORDER BY rowid"
    )
    return [PastLog(*row) for row in rows]


def past_file(db: Database, number: int, path: str) -> bytes:
    """A file of a log that ended, by its number (1 for `<lab>/psi-log`) and its path in the tlog-tiles layout.

    Raises NotFound.
    """
    found = next((each for each in past_logs(db) if number_of(each.origin) == number), None)
    if found is None or not found.checkpoint:
        raise NotFound("no log of this number has ended here")
    if path == "checkpoint":
        return found.checkpoint
    origin = found.origin
    return tile_of(path, found.size, past_nodes(db, origin), lambda at: _entry(db, origin, at, None))


def export_past(db: Database, origin: str, directory: Path, *, peer: str | None = None) -> LogExport:
    """Write a log that ended as `export_log` writes the present one, up to its last checkpoint.

    Raises NotFound, Conflict; NotFound too for a log that never signed a checkpoint.
    """
    found = next((each for each in past_logs(db) if each.origin == origin), None)
    if found is None:
        names = ", ".join(each.origin for each in past_logs(db)) or "none"
        raise NotFound(f"no log {origin} has ended here; there are {names}")
    if not found.checkpoint:
        raise NotFound(f"{origin} never signed a checkpoint: nobody outside has seen anything of it")
    prepare(directory)
    files = 1
    for path, content in layout(found.size, past_nodes(db, origin), lambda at: _entry(db, origin, at, peer)):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        files += 1
    (directory / "checkpoint").write_bytes(found.checkpoint)
    return LogExport(origin, found.size, files, directory)


def _entry(db: Database, origin: str, position: int, peer: str | None) -> bytes:
    sql = "SELECT data FROM past_log_entries WHERE origin = ? AND position = ?"
    row = db.conn.execute(sql, (origin, position)).fetchone()
    if row is None:
        raise Conflict(f"the log {origin} that was put away is damaged: restore it from a backup")
    return bytes(row[0]) if peer is None else for_peer(bytes(row[0]), peer)
