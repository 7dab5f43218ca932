"""One pass over an exported log: entries in order, their tree, their form, the texts and sessions among them.

Memory holds one bundle (at most 16 MiB), 64 bytes of tree an entry, the texts of open sessions, and one small row
for each signed text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from psi_client.audit.copies import CopyReader
from psi_client.audit.facts import Fault, Faults, LogFacts
from psi_client.audit.folder import LogFolder
from psi_client.audit.head import read_head, read_saved
from psi_client.audit.holding import HoldingReader
from psi_client.audit.records import RecordReader
from psi_client.audit.replay.books import Books
from psi_client.audit.signatures import SignatureChecks
from psi_client.audit.succession import SuccessionReader
from psi_client.audit.texts import TextReader
from psi_client.audit.tree_check import TreeCheck
from psi_client.audit.witnesses import read_witnessed
from psi_core.errors import InvalidText, NotFound
from psi_core.log.entry import Entry
from psi_core.log.key import Verifier
from psi_core.log.tiles import TILE_WIDTH, tiles_of
from psi_core.log.withheld import WITHHELD
from psi_core.log.witness_policy import WitnessPolicy


def read_log(
    folder: LogFolder,
    verifiers: Sequence[Verifier],
    *,
    since: Sequence[bytes] = (),
    policy: WitnessPolicy | None = None,
    good: set[bytes] | None = None,
    before: LogFacts | None = None,
) -> LogFacts:
    """Read the export in `folder` up to the size of its checkpoint, or to where it breaks off.

    `since` holds checkpoint notes that the auditor saved, of any logs; `good` what SignatureChecks share;
    `before` is the log that this one continues.
    """
    head = read_head(folder, verifiers)
    if head.checkpoint is None:
        return LogFacts(folder.name, head)
    walk = _Walk(folder, head.checkpoint.size)
    check = TreeCheck(folder)
    malformed = Faults()
    lab = head.checkpoint.origin.partition("/psi-log")[0]
    contents = _Contents(lab, verifiers, good, before.books() if before is not None else None)
    for entries in walk:
        contents.take_all(entries, check.size, malformed)
        check.take(entries)
    contents.checks.finish()
    root = check.finish()
    return LogFacts(
        log=head.checkpoint.origin,
        head=head,
        root=root,
        read=check.size,
        withheld=check.withheld,
        ended=walk.ended,
        altered=check.altered,
        tiles=check.tiles,
        malformed=malformed,
        witnessed=read_witnessed(folder, head.checkpoint.origin, verifiers, policy),
        saved=read_saved(since, head.checkpoint.origin, verifiers),
        root_at=check.root_at,
        preceded=before is not None,
        **contents.found(check.size),
    )


class _Contents:
    """The readers that look into well-formed entries."""

    def __init__(
        self, own_lab: str, verifiers: Sequence[Verifier], good: set[bytes] | None, books: Books | None
    ) -> None:
        self.checks = SignatureChecks(good)
        self.records = RecordReader()
        self.texts = TextReader(verifiers, self.checks, self.records.found.faults)
        self.books = books or Books(own_lab)
        self.succession = SuccessionReader(verifiers)
        self.copies = CopyReader(verifiers, self.checks)
        self.holdings = HoldingReader(own_lab)

    def found(self, size: int) -> dict[str, Any]:
        """What the readers found in `size` entries, by the fields of LogFacts."""
        return {
            "succession": self.succession.finish(size),
            "records": self.records.found,
            "texts": self.texts.found,
            "replayed": self.books.finish(),
            "books": self.books.carried,
            "copies": self.copies.found,
            "holdings": self.holdings.found,
        }

    def take_all(self, entries: Sequence[bytes], start: int, malformed: Faults) -> None:
        """The entries of a bundle, the first of them at position `start`."""
        for position, data in enumerate(entries, start):
            try:
                if data != WITHHELD:
                    self.take(Entry.decode(data), position)
            except InvalidText as error:
                malformed.add(f"entry {position}: {error}", position)

    def take(self, entry: Entry, position: int) -> None:
        texts = self.texts.read(entry, position)
        for opened in texts:
            self.records.take(opened, position)
            self.holdings.take(opened, position)
        main = texts[0] if texts else None
        self.copies.take(entry, main, position)
        self.books.take(entry, main, position)
        self.succession.take(entry, position)


class _Walk:
    """Yields entries in order, a bundle's at a time, until `size` or the first that cannot be read: see `ended`."""

    def __init__(self, folder: LogFolder, size: int) -> None:
        self._folder = folder
        self._size = size
        self.ended: Fault | None = None

    def __iter__(self) -> Iterator[list[bytes]]:
        # A checkpoint may claim 2^63 entries: the first bundle that is not there ends the loop.
        for index, width in tiles_of(0, self._size):
            start = index * TILE_WIDTH
            try:
                entries = self._folder.bundle(index, width)
            except (NotFound, InvalidText) as error:
                self.ended = Fault(str(error), start)
                return
            yield entries
            if len(entries) < width:
                at = start + len(entries)
                self.ended = Fault(f"entry {at} and all after it are missing", at)
                return
