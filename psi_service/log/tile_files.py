"""The node's log as c2sp.org/tlog-tiles files, read from the store one at a time."""

from __future__ import annotations

import re

from sqlite_utils import Database

from psi_core.errors import NotFound
from psi_core.log.tiles import TILE_HEIGHT, TILE_WIDTH, ReadEntry, encode_bundle, entries_path, tile_path
from psi_core.log.tree import ReadNode
from psi_service.log.stored_tree import node_reader, read_entry, stored_size

_FILE = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(x[0-9]{3}/){0,5}[0-9]{3})(\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


def read_tile(db: Database, path: str) -> bytes:
    """The content of a hash tile or entry bundle of the present log: see `tile_of`."""
    return tile_of(path, stored_size(db), node_reader(db), lambda position: read_entry(db, position))


def tile_of(path: str, size: int, read_node: ReadNode, read_entry: ReadEntry) -> bytes:
    """The content of a hash tile or entry bundle of a log of `size` entries by its path, whole or partial.

    Raises NotFound when the path is not spelled as the specification does, or names more than the log has.
    """
    found = _FILE.fullmatch(path)
    if found is None:
        raise NotFound("the log has no such file; its paths are those of c2sp.org/tlog-tiles")
    width = int(found["width"] or TILE_WIDTH)
    start = int(re.sub("[x/]", "", found["index"])) * TILE_WIDTH
    if found["level"] == "entries":
        _check(path, entries_path(start // TILE_WIDTH, min(width, TILE_WIDTH)), start + width, size)
        return encode_bundle([read_entry(start + each) for each in range(width)])
    level = int(found["level"])
    spelled = tile_path(min(level, 63), start // TILE_WIDTH, min(width, TILE_WIDTH))
    _check(path, spelled, start + width, size >> (TILE_HEIGHT * level))
    return b"".join(read_node(TILE_HEIGHT * level, start + each) for each in range(width))


def _check(path: str, spelled: str, end: int, there: int) -> None:
    if path != spelled or end > there:
        raise NotFound("the log has no such file; the checkpoint says how many entries it has")
