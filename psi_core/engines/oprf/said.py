"""What a sender has said of its items: a keyed digest of each label, so that it knows of which it says another now.

    digest: HMAC-SHA-256 of "oprf-label" and the label, each preceded by its length, the first 16 bytes; its key is
            drawn with each full run, and lies in the sealed files beside the digests

It keeps no label: what is erased from its lists is nowhere else. Whoever can open the files can test guesses of labels.
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest

from psi_core import native_core
from psi_core.engines.oprf.kept_rows import damaged
from psi_core.session.packed import NOWHERE, Packed, gather

DIGEST_BYTES = 16
_LABEL = "oprf-label"
_FILLING = "oprf-filling"
_KEY_BYTES = 32
_RANK_BYTES = 8
_AT_ONCE = 65_536
"""Rows that are hashed at once."""
_COMPARED = 256
"""Rows that are compared at once: most are as they were."""


@dataclass(frozen=True, repr=False)
class Said:
    """One segment's digests, or a generation's.

    size: bytes of a label. key: of the digests. digests: of the items' labels, by row.
    items, changed: older items (32 bytes each) of which the run said something else, and the digests of that.
    """

    size: int
    key: bytes
    digests: bytes
    items: bytes = b""
    changed: bytes = b""

    @classmethod
    def first(cls, size: int, labels: bytes) -> Said:
        """What a full run says: packed labels of all items, in the items' order."""
        key = secrets.token_bytes(_KEY_BYTES)
        return cls(size, key, digests(key, size, labels))

    def ordered(self, order: bytes) -> Said:
        """The same with the digests in another order (places as u32, little-endian)."""
        return replace(self, digests=native_core.native.gather(self.digests, DIGEST_BYTES, order))

    def chosen(self, rows: bytes) -> Said:
        """Digests of these rows (u32, little-endian), as rows of their own."""
        return Said(self.size, self.key, native_core.native.gather(self.digests, DIGEST_BYTES, rows))

    def checked(self, rows: int) -> Said:
        """The same; raises EngineFault unless there is a digest for each of so many rows."""
        changed = len(self.changed) * native_core.HASH == len(self.items) * DIGEST_BYTES
        if len(self.digests) != rows * DIGEST_BYTES or not changed:
            raise damaged("digests of labels for another number of items")
        return self

    def after(self, said: Said | None, rows: int, known: native_core.native.OprfKnown) -> Said:
        """What a generation's digests are after one more run, which added so many rows; `known`: after it.

        Raises EngineFault when the run's are none, or of another form.
        """
        if said is None or (said.size, said.key) != (self.size, self.key):
            raise damaged("labels of another form")
        found = bytearray(self.digests + said.checked(rows).digests)
        places = native_core.positions(known.recall(said.items).rows)
        for row, digest in zip(places, native_core.cut(said.changed, DIGEST_BYTES), strict=True):
            if row != NOWHERE:  # else it was erased since
                found[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES] = digest
        return Said(self.size, self.key, bytes(found))

    def differing(self, rows: array[int], now: bytes) -> list[int]:
        """Places of the known items (`rows`: of each item its row) whose digest is not the one in `now`."""
        held = gather(Packed(self.digests, DIGEST_BYTES), rows).buffer
        found, step = [], _COMPARED * DIGEST_BYTES
        for start in range(0, len(now), step):
            if held[start : start + step] != now[start : start + step]:
                found += _differing(held[start : start + step], now[start : start + step], start)
        return [place for place in found if rows[place] != NOWHERE]

    def filling(self, generation: bytes, items: Packed, count: int, but: Collection[int]) -> list[int]:
        """Places of so many items (or of all, if there are fewer) whose labels fill a bucket; none of those in `but`.

        generation: the hash of the one that is built on. A run that is made on it again says the same items again:
        what two fillings drawn apart have in common would be what has changed.
        """
        ranks, step = array("Q"), native_core.HASH // _RANK_BYTES
        for part in _hashes(self.key, f"{_FILLING} {generation.hex()}", items):
            ranks.extend(memoryview(part).cast("Q")[::step])
        passed = frozenset(but)
        return nsmallest(count, (at for at in range(len(items)) if at not in passed), key=ranks.__getitem__)


def digests(key: bytes, size: int, labels: bytes) -> bytes:
    """The digests of packed labels, 16 bytes each, in their order."""
    found = list[bytes]()
    for part in _hashes(key, _LABEL, Packed(labels, size)):
        found += [part[at : at + DIGEST_BYTES] for at in range(0, len(part), native_core.HASH)]
    return b"".join(found)


def _hashes(key: bytes, kind: str, rows: Packed) -> Iterator[bytes]:
    """HMAC-SHA-256 of `kind` and each row, packed, of so many rows at a time."""
    width = rows.width
    ends = array("I", range(width, (_AT_ONCE + 1) * width, width))
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        view = native_core.little_endian(memoryview(ends[: len(part)]).cast("B"))
        yield native_core.native.fingerprints(key, kind, bytes(part.buffer), bytes(view))


def _differing(held: Sequence[int], now: Sequence[int], start: int) -> list[int]:
    each = range(0, len(now), DIGEST_BYTES)
    return [
        (start + at) // DIGEST_BYTES
        for at in each
        if held[at : at + DIGEST_BYTES] != now[at : at + DIGEST_BYTES]
    ]
