"""What one run leaves of an epoch: new items with their outputs, and what it took away.

A chain of segments is a generation: a base, which is whole, and one segment for each run since. A run writes what it
changed and nothing else; now and then a chain is written as a new base.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from psi_core import native_core
from psi_core.engines.interface import ITEM_BYTES
from psi_core.engines.oprf.heard import Heard
from psi_core.engines.oprf.kept_rows import ChosenRows, JoinedRows, PackedRows, Rows
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.said import DIGEST_BYTES, Said
from psi_core.engines.oprf.tag_frames import tag_bytes
from psi_core.errors import EngineFault
from psi_core.kinds.fields import lengths

FIRST_HASH = bytes(32)
"""What stands before generation 1."""


@dataclass(frozen=True)
class GenerationName:
    """How Offer and Accept name a generation: its number, from 1, and its hash (32 bytes)."""

    number: int
    hash: bytes


@dataclass(frozen=True)
class Facts:
    """What both sides know of a run when it is over, and with the sender's tags the name of what it leaves.

    before: the generation that it was built on; None: a full run. chunk_root: of the run's chunks. receiver_size:
    padded.
    """

    before: GenerationName | None
    chunk_root: bytes
    receiver_size: int

    def name(self, statement: KeyStatement, tags: bytes) -> GenerationName:
        """The generation that the run makes; `tags` are the sender's whole list after it, sorted and packed."""
        number, before = (self.before.number, self.before.hash) if self.before else (0, FIRST_HASH)
        text = lengths(
            "psi-oprf-generation/v1",
            statement.hash(),
            before,
            (number + 1).to_bytes(8, "big"),
            self.chunk_root,
            self.receiver_size.to_bytes(8, "big"),
            hashlib.sha256(tags).digest(),
        )
        return GenerationName(number + 1, hashlib.sha256(text).digest())


@dataclass(frozen=True, repr=False)
class Segment:
    """One run's part of one side's state. Secret: outputs would open labels.

    items, outputs, own_tags: items that were new (32 bytes each, ascending), F of each, its tag.
    gone: items that left, ascending. leaving, coming: the sender's tags that left and came, sorted.
    orphans: at the sender, tags of items that were erased from this segment, which the peer's list still holds.
    said, heard: where labels go along, what the sender said of its items; what the receiver heard, sealed.
    """

    facts: Facts
    items: bytes
    own_tags: bytes
    outputs: Rows
    gone: bytes = b""
    leaving: bytes = b""
    coming: bytes = b""
    orphans: bytes = b""
    said: Said | None = None
    heard: Heard | None = None

    @property
    def rows(self) -> int:
        """What is in it, in rows: its items, the labels heard, the older items of which something else was said."""
        heard = self.heard.rows.count if self.heard else 0
        return self.outputs.count + heard + (len(self.said.items) // ITEM_BYTES if self.said else 0)

    def without(self, erased: Collection[bytes], statement: KeyStatement, *, sends: bool) -> Segment | None:
        """The segment without erased or expired items; None when it holds none of them.

        Where we send, their tags stay as orphans until the next run has taken them off the peer's list.
        """
        lost = _places(self.items, erased)
        departed = _places(self.gone, erased)
        said_anew = _places(self.said.items, erased) if self.said else []
        if not (lost or departed or said_anew):
            return None
        width, gone = tag_bytes(statement.tag_bits), set(lost)
        kept = [at for at in range(len(self.items) // ITEM_BYTES) if at not in gone]
        left = b"".join(self.own_tags[at * width : (at + 1) * width] for at in lost)
        return replace(
            self,
            items=_cut_out(self.items, lost, ITEM_BYTES),
            own_tags=_cut_out(self.own_tags, lost, width),
            outputs=ChosenRows(JoinedRows([self.outputs]), kept),
            gone=_cut_out(self.gone, departed, ITEM_BYTES),
            orphans=self.orphans + (left if sends else b""),
            said=self.said and _unsaid(self.said, lost, said_anew),
        )


@dataclass(frozen=True)
class Left:
    """What a machine leaves: the generation's name, and the segment that makes it of the one before."""

    name: GenerationName
    segment: Segment = field(repr=False)


def segment_of(
    facts: Facts,
    statement: KeyStatement,
    items: bytes,
    outputs: bytes,
    *,
    gone: bytes = b"",
    leaving: bytes = b"",
    coming: bytes = b"",
    said: Said | None = None,
    heard: Heard | None = None,
) -> Segment:
    """A run's segment from its new items and their outputs (packed, in any order) and what it changed.

    `said`: with digests in the order of `items`. Raises EngineFault when an item comes twice.
    """
    native, width = native_core.native, tag_bytes(statement.tag_bits)
    try:
        order = native.oprf_order(items)
    except ValueError as fault:
        raise EngineFault(f"oprf: {fault}") from None
    return Segment(
        facts,
        native.gather(items, ITEM_BYTES, order),
        native.gather(native.oprf_tags(outputs, statement.tag_bits), width, order),
        PackedRows(outputs, order),
        native.sort_unique(gone),
        leaving,
        coming,
        said=said and said.ordered(order),
        heard=heard,
    )


def _unsaid(said: Said, lost: list[int], said_anew: list[int]) -> Said:
    """What was said without the items at these places: of the segment's own, and of the older ones."""
    return replace(
        said,
        digests=_cut_out(said.digests, lost, DIGEST_BYTES),
        items=_cut_out(said.items, said_anew, ITEM_BYTES),
        changed=_cut_out(said.changed, said_anew, DIGEST_BYTES),
    )


def _places(items: bytes, wanted: Collection[bytes]) -> list[int]:
    """Where these items stand among ascending ones, ascending."""
    rows = _Rows(items)
    found = ((bisect_left(rows, item), item) for item in set(wanted))
    return sorted(at for at, item in found if at < len(rows) and rows[at] == item)


class _Rows:
    """Packed items as a sequence, for a binary search."""

    def __init__(self, items: bytes) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items) // ITEM_BYTES

    def __getitem__(self, at: int) -> bytes:
        return self._items[at * ITEM_BYTES : (at + 1) * ITEM_BYTES]


def _cut_out(packed: bytes, places: list[int], width: int) -> bytes:
    """Packed values of one width without those at these ascending places."""
    parts, start = [], 0
    for place in places:
        parts.append(packed[start * width : place * width])
        start = place + 1
    return b"".join([*parts, packed[start * width :]])
