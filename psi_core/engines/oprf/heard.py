"""What a receiver has heard of a sender's tags: the label of each as it was sealed, and in which session.

A label opens to whoever has F(x) of its tag's item: to the receiver, for items that it was allowed to evaluate, and for
nothing else. So labels of tags that match nothing lie here closed, until a run evaluates their item, or they are said
anew, or their tag leaves.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from psi_core import native_core
from psi_core.engines.labels import sealed_size
from psi_core.engines.oprf.kept_rows import ChosenRows, JoinedRows, PlainRows, Rows, damaged

CONTEXT_BYTES = 32


class Sealed(NamedTuple):
    """A label as it was sent, and the ctx of the session that sent it."""

    context: bytes
    label: bytes


@dataclass(frozen=True, repr=False)
class Heard:
    """The labels of one segment, or of a base.

    size: bytes of a label. tags: those that have one, sorted, distinct, packed. rows: sealed labels, in their order.
    contexts: ctx of the sessions that sent them, 32 bytes each. which: of each row the place of its context (u32,
    little-endian); empty: all have the first.
    """

    size: int
    tags: bytes
    contexts: bytes
    which: bytes
    rows: Rows

    @classmethod
    def in_session(cls, size: int, tags: bytes, ctx: bytes, sealed: bytes) -> Heard:
        """What one session sent: sealed labels, packed, in the order of the sorted tags."""
        return cls(size, tags, ctx, b"", PlainRows(sealed, sealed_size(size)))

    def context(self, row: int) -> bytes:
        """The ctx under which a row was sealed."""
        place = int.from_bytes(self.which[row * 4 : (row + 1) * 4], "little")
        return self.contexts[place * CONTEXT_BYTES : (place + 1) * CONTEXT_BYTES]

    def check(self, width: int) -> None:
        """Raise EngineFault unless there is a label and a context for each tag of `width` bytes."""
        count, contexts = self.rows.count, len(self.contexts) // CONTEXT_BYTES
        places = native_core.numbers(self.which)
        whole = len(self.tags) == count * width and len(places) in (0, count)
        if (
            not whole
            or not native_core.native.ascends(self.tags, width)
            or max(places, default=0) >= contexts
        ):
            raise damaged("labels that do not belong to their tags")


class HeardSoFar:
    """The labels of a generation: those of its base, and what each run since has added or said anew.

    width: bytes of a tag.
    """

    def __init__(self, parts: Sequence[Heard], width: int) -> None:
        self._parts = parts
        self._width = width
        self._rows = JoinedRows([part.rows for part in parts], sealed_size(self.size))

    @classmethod
    def first(cls, heard: Heard, width: int) -> HeardSoFar:
        """The labels of a base; raises EngineFault when they are not what `Heard` promises."""
        heard.check(width)
        return cls([heard], width)

    @property
    def size(self) -> int:
        """Bytes of a label."""
        return self._parts[0].size

    def after(self, heard: Heard | None) -> HeardSoFar:
        """The labels after one more run; raises EngineFault when the run's are none, or of another form."""
        if heard is None or heard.size != self.size:
            raise damaged("labels of another form")
        heard.check(self._width)
        return HeardSoFar([*self._parts, heard], self._width)

    def of(self, tags: Sequence[bytes]) -> list[Sealed]:
        """The newest label of each of these tags; raises EngineFault for a tag without one."""
        distinct = sorted(set(tags))
        places = dict(zip(distinct, self._rows_of(distinct), strict=True))
        rows = [places[tag] for tag in tags]
        labels = native_core.cut(self._rows.rows(rows), sealed_size(self.size))
        return [Sealed(self._context(row), label) for row, label in zip(rows, labels, strict=True)]

    def whole(self, tags: bytes) -> Heard:
        """The newest labels of all these tags (sorted, distinct, packed), as one part; the others are left behind.

        Raises EngineFault when one of them has none.
        """
        rows = self._rows_of(native_core.cut(tags, self._width))
        contexts, which = self._contexts(rows)
        return Heard(self.size, tags, contexts, which, ChosenRows(self._rows, rows))

    def _rows_of(self, tags: Sequence[bytes]) -> array[int]:
        """The row of the newest label of each of these tags (ascending), counted over all parts."""
        later, base = self._later, self._parts[0].tags
        early = b"".join(tag for tag in tags if tag not in later)
        places = native_core.numbers(native_core.native.oprf_matches(base, early, self._width))
        if len(places) * self._width != len(early):
            raise damaged("a tag has no label")
        at = iter(places)
        return array("I", (later[tag] if tag in later else next(at) for tag in tags))

    @cached_property
    def _later(self) -> dict[bytes, int]:
        """Rows of what came after the base, by tag: the newest of each."""
        found = dict[bytes, int]()
        for start, part in list(zip(self._rows.starts, self._parts, strict=False))[1:]:
            found |= {tag: start + at for at, tag in enumerate(native_core.cut(part.tags, self._width))}
        return found

    def _context(self, row: int) -> bytes:
        part = bisect_right(self._rows.starts, row) - 1
        return self._parts[part].context(row - self._rows.starts[part])

    def _contexts(self, rows: array[int]) -> tuple[bytes, bytes]:
        """`contexts` and `which` of these rows as one part."""
        base, places = self._parts[0], dict[bytes, int]()
        named = native_core.numbers(base.which) if base.which else None
        first = [
            places.setdefault(context, len(places))
            for context in native_core.cut(base.contexts, CONTEXT_BYTES)
        ]
        later = {
            row: places.setdefault(self._context(row), len(places)) for row in sorted(self._later.values())
        }
        which = array(
            "I",
            (
                later[row] if row >= base.rows.count else first[named[row] if named is not None else 0]
                for row in rows
            ),
        )
        used = {place: at for at, place in enumerate(sorted(set(which)))}
        dense = array("I", map(used.__getitem__, which))
        contexts = b"".join(context for context, place in places.items() if place in used)
        return contexts, bytes(native_core.little_endian(memoryview(dense).cast("B")))
