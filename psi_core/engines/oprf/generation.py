"""What an epoch keeps from one session to the next, so that the next pays only for what changed.

    generation 1: a full run. Generation g + 1: an incremental run on generation g, which both sides hold.

Both sides compute the same hash of a generation from the same facts, and Offer and Accept name number and hash. Each
keeps the generation before until the record of the next is signed, and falls back to it (`common`).

Leaks, while the epoch lasts: an item queried once is matched against later additions too (a standing query), and
either side sees bucketed numbers of changes. SECURITY.md says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from psi_core import native_core
from psi_core.engines.interface import ITEM_BYTES
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.tag_frames import tag_bytes
from psi_core.errors import EngineFault
from psi_core.kinds.fields import lengths

OUTPUT_BYTES = 64
FIRST_HASH = bytes(32)
"""What stands before generation 1."""


@dataclass(frozen=True)
class GenerationName:
    """How Offer and Accept name a generation: its number, from 1, and its hash (32 bytes)."""

    number: int
    hash: bytes


@dataclass(repr=False)
class Recalled:
    """Packed items with what is known of them: outputs and tags, zeros until they are set.

    unknown: places of the items that have to be evaluated; gone: places, in the generation, of items that left.
    """

    items: bytes
    outputs: bytearray
    tags: bytearray
    unknown: list[int]
    gone: list[int]
    bits: int

    def set(self, places: Sequence[int], outputs: bytes) -> None:
        """Take the outputs of the items at these places, 64 bytes each."""
        width, tags = tag_bytes(self.bits), native_core.native.oprf_tags(outputs, self.bits)
        for at, place in enumerate(places):
            self.outputs[place * OUTPUT_BYTES : (place + 1) * OUTPUT_BYTES] = outputs[
                at * OUTPUT_BYTES : (at + 1) * OUTPUT_BYTES
            ]
            self.tags[place * width : (place + 1) * width] = tags[at * width : (at + 1) * width]

    def outputs_of(self, places: Iterable[int]) -> bytes:
        """Outputs of the items at these places, packed."""
        return b"".join(
            bytes(self.outputs[place * OUTPUT_BYTES : (place + 1) * OUTPUT_BYTES]) for place in places
        )

    def tags_of(self, places: Iterable[int]) -> bytes:
        """Tags of the items at these places, packed."""
        width = tag_bytes(self.bits)
        return b"".join(bytes(self.tags[place * width : (place + 1) * width]) for place in places)


@dataclass(frozen=True)
class Generation:
    """One side's state after a run. Secret: outputs would open labels. Kept sealed, checked by `name` when read.

    items, outputs, own_tags: own items (32 bytes each, ascending), F of each (64 bytes) and its tag, packed.
    tags: the sender's tags, sorted and packed; both sides hold the same.
    orphans: at the sender, tags of items erased since: they still have to leave the peer's list.
    """

    name: GenerationName
    items: bytes = field(repr=False)
    outputs: bytes = field(repr=False)
    own_tags: bytes = field(repr=False)
    tags: bytes = field(repr=False)
    orphans: bytes = field(default=b"", repr=False)

    def recall(self, items: bytes, statement: KeyStatement) -> Recalled:
        """What is known of packed items.

        Raises EngineFault when this state was not made by `next_generation`: a cache is discarded then.
        """
        try:
            found = native_core.native.oprf_recall(
                items, self.items, self.outputs, self.own_tags, width_of(statement)
            )
        except ValueError as fault:
            raise EngineFault(f"oprf: the cached generation is damaged: {fault}. Run in full.") from None
        outputs, tags, unknown, gone = found
        return Recalled(
            items,
            bytearray(outputs),
            bytearray(tags),
            native_core.positions(unknown),
            native_core.positions(gone),
            statement.tag_bits,
        )

    def tags_of(self, places: Iterable[int], statement: KeyStatement) -> bytes:
        """Tags of the items at these places of `items`, packed."""
        width = width_of(statement)
        return b"".join(self.own_tags[at * width : (at + 1) * width] for at in places)

    def without(self, erased: Collection[bytes], statement: KeyStatement, *, sends: bool) -> Generation:
        """The same generation without erased or expired items: their outputs are gone, its name stays.

        Where we send, the tags of those items stay as orphans until the next run has taken them off the peer's list.
        """
        lost = sorted(at for at in (self._place(item) for item in set(erased)) if at is not None)
        return replace(
            self,
            items=_cut_out(self.items, lost, ITEM_BYTES),
            outputs=_cut_out(self.outputs, lost, OUTPUT_BYTES),
            own_tags=_cut_out(self.own_tags, lost, width_of(statement)),
            orphans=self.orphans + (self.tags_of(lost, statement) if sends else b""),
        )

    def _place(self, item: bytes) -> int | None:
        """Where an item stands among the ascending ones; None: it is not among them."""
        low, high = 0, len(self.items) // ITEM_BYTES
        while low < high:
            middle = (low + high) // 2
            if self.items[middle * ITEM_BYTES : (middle + 1) * ITEM_BYTES] < item:
                low = middle + 1
            else:
                high = middle
        return low if self.items[low * ITEM_BYTES : (low + 1) * ITEM_BYTES] == item else None


@dataclass(frozen=True)
class Facts:
    """What both sides know of a run when it is over, and what the generation's hash covers.

    chunk_root: of the run's chunks; receiver_size: padded; tags: the sender's whole list after the run, sorted.
    """

    statement: KeyStatement
    before: GenerationName | None
    chunk_root: bytes
    receiver_size: int
    tags: bytes = field(repr=False)

    def name(self) -> GenerationName:
        """The generation that the run makes."""
        number, before = (self.before.number, self.before.hash) if self.before else (0, FIRST_HASH)
        text = lengths(
            "psi-oprf-generation/v1",
            self.statement.hash(),
            before,
            (number + 1).to_bytes(8, "big"),
            self.chunk_root,
            self.receiver_size.to_bytes(8, "big"),
            hashlib.sha256(self.tags).digest(),
        )
        return GenerationName(number + 1, hashlib.sha256(text).digest())


def next_generation(facts: Facts, items: bytes, outputs: bytes, own_tags: bytes) -> Generation:
    """One side's state after a run, from its packed items with their outputs and tags, in any order."""
    width = width_of(facts.statement)
    try:
        items, outputs, own_tags = native_core.native.oprf_arrange(items, outputs, own_tags, width)
    except ValueError as fault:
        raise EngineFault(f"oprf: {fault}") from None
    return Generation(facts.name(), items, outputs, own_tags, facts.tags)


def common(own: Sequence[GenerationName], shown: Sequence[GenerationName]) -> GenerationName | None:
    """The newest generation that both sides hold; None: there is none, and the run is full (which is said aloud)."""
    both = [name for name in own if name in set(shown)]
    return max(both, key=lambda name: name.number, default=None)


def delta_size(changes: int, bucket: int) -> int:
    """A number of changes, rounded up to the agreement's delta bucket; the snapshot's dummies fill it.

    Zero changes are one bucket too: whether anything changed is not told.
    """
    return max(1, -(-changes // bucket)) * bucket


def _cut_out(packed: bytes, places: Sequence[int], width: int) -> bytes:
    """Packed values of one width without those at these ascending places."""
    parts, start = [], 0
    for place in places:
        parts.append(packed[start * width : place * width])
        start = place + 1
    return b"".join([*parts, packed[start * width :]])


def width_of(statement: KeyStatement) -> int:
    """Bytes of one tag in memory."""
    return tag_bytes(statement.tag_bits)
