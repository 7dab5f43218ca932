"""One pass over an exported log: entries in order, their tree, their form, the records among them.

Memory holds one bundle (at most 16 MiB), one open tile a level, and one small row for each session.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psi_client.audit.facts import Fault, Faults, LogFacts
from psi_client.audit.folder import LogFolder
from psi_client.audit.head import read_head
from psi_client.audit.records import RecordReader
from psi_client.audit.tree_check import TreeCheck
from psi_core.errors import InvalidText, NotFound
from psi_core.log.entry import Entry
from psi_core.log.key import Verifier
from psi_core.log.tiles import TILE_WIDTH, tiles_of


def read_log(folder: LogFolder, verifiers: Sequence[Verifier]) -> LogFacts:
    """Read the export in `folder` up to the size of its checkpoint, or to where it breaks off."""
    head = read_head(folder, verifiers)
    if head.checkpoint is None:
        return LogFacts(folder.name, head)
    walk = _Walk(folder, head.checkpoint.size)
    check = TreeCheck(folder)
    malformed = Faults()
    records = RecordReader(verifiers)
    for data in walk:
        try:
            records.take(Entry.decode(data), check.size)
        except InvalidText as error:
            malformed.add(f"entry {check.size}: {error}", check.size)
        check.append(data)
    return LogFacts(
        log=head.checkpoint.origin,
        head=head,
        root=check.finish(),
        read=check.size,
        ended=walk.ended,
        altered=check.altered,
        tiles=check.tiles,
        malformed=malformed,
        records=records.found,
    )


class _Walk:
    """Yields entries in order until `size` or the first that cannot be read, which `ended` then names."""

    def __init__(self, folder: LogFolder, size: int) -> None:
        self._folder = folder
        self._size = size
        self.ended: Fault | None = None

    def __iter__(self) -> Iterator[bytes]:
        # A checkpoint may claim 2^63 entries: the first bundle that is not there ends the loop.
        for index, width in tiles_of(0, self._size):
            start = index * TILE_WIDTH
            try:
                entries = self._folder.bundle(index, width)
            except (NotFound, InvalidText) as error:
                self.ended = Fault(str(error), start)
                return
            yield from entries
            if len(entries) < width:
                at = start + len(entries)
                self.ended = Fault(f"entry {at} and all after it are missing", at)
                return
