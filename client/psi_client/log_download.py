"""A node's log, fetched file by file into the layout of c2sp.org/tlog-tiles. Nothing is verified here: audit it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psi_core.errors import Conflict, NotFound
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.note import Note
from psi_core.log.tiles import (
    decode_bundle,
    encode_bundle,
    entries_path,
    levels_of,
    tile_path,
    tiles_of,
)
from psi_core.log.withheld import for_peer

ENTRIES = "tile/entries/"
"""How the path of an entry bundle begins."""


@dataclass(frozen=True)
class LogDownload:
    """What was written: the log's name, its number of entries, the number of files and where they are."""

    origin: str
    size: int
    files: int
    directory: Path


def download_log(fetch: Callable[[str], bytes], directory: Path, *, peer: str | None = None) -> LogDownload:
    """Fetch a checkpoint and every file of its size into `directory`, which is made when missing.

    `fetch` returns the file of a path, or raises NotFound. The checkpoint is written last: a copy without it was
    broken off. With `peer`, other entries than that pair's are kept as leaf hashes only (psi_core.log.withheld).
    Raises Conflict when the folder is not empty, InvalidCheckpoint, InvalidNote, and what `fetch` raises.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Conflict(f"{directory} is not empty: name a new folder, so that no two logs are mixed")
    note = fetch("checkpoint")
    head = Checkpoint.parse(Note.parse(note).text)
    files = 0
    for path in paths(head.size):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        content = fetch(path)
        if peer is not None and path.startswith(ENTRIES):
            content = encode_bundle([for_peer(entry, peer) for entry in decode_bundle(content)])
        target.write_bytes(content)
        files += 1
    with suppress(NotFound):
        (directory / "cosigned").write_bytes(fetch("cosigned"))
        files += 1
    (directory / "checkpoint").write_bytes(note)
    return LogDownload(head.origin, head.size, files + 1, directory)


def paths(size: int) -> Iterator[str]:
    """Every file of a log of `size` entries, the checkpoint apart: entry bundles first, then hash tiles."""
    for index, width in tiles_of(0, size):
        yield entries_path(index, width)
    for level in range(levels_of(size)):
        for index, width in tiles_of(level, size):
            yield tile_path(level, index, width)
