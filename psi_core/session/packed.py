"""Rows of one width side by side in one buffer: bytes, or a view of a mapped file. A million of them are one object.

They are read one by one as bytes, and handed to the native core whole, without a copy.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import overload

from psi_core import native_core
from psi_core.native_core import HASH

Buffer = bytes | memoryview

NOWHERE = 0xFFFF_FFFF
"""Among places: the row is not there."""


class Packed(Sequence[bytes]):
    """Rows of `width` bytes. Never shown by repr."""

    __slots__ = ("_view", "width")

    def __init__(self, buffer: Buffer = b"", width: int = HASH) -> None:
        """`buffer` is not copied, and must not change. Raises ValueError when it is not whole rows."""
        self._view = memoryview(buffer).toreadonly()
        self.width = width
        if len(self._view) % width:
            raise ValueError(f"{len(self._view)} bytes are no whole number of {width}-byte rows")

    @classmethod
    def of(cls, rows: Iterable[bytes], width: int = HASH) -> Packed:
        """Copies of these rows, unless they are packed already. Raises ValueError for one of another width."""
        if isinstance(rows, Packed) and rows.width == width:
            return rows
        found = list(rows)
        if any(len(row) != width for row in found):
            raise ValueError(f"a row has not {width} bytes")
        return cls(b"".join(found), width)

    @property
    def buffer(self) -> memoryview:
        """All rows, for the native core."""
        return self._view

    def __len__(self) -> int:
        return len(self._view) // self.width

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Packed: ...
    def __getitem__(self, place: int | slice) -> bytes | Packed:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step != 1:
                raise ValueError("packed rows are cut in one piece only")
            return Packed(self._view[start * self.width : max(start, stop) * self.width], self.width)
        at = range(len(self))[place] * self.width
        return bytes(self._view[at : at + self.width])

    def __iter__(self) -> Iterator[bytes]:
        view, width = self._view, self.width
        return (bytes(view[at : at + width]) for at in range(0, len(view), width))

    def __repr__(self) -> str:
        return f"Packed({len(self)} rows of {self.width} bytes)"

    def __add__(self, other: Packed) -> Packed:
        return Packed(b"".join((self._view, other._view)), self.width)

    def ascends(self) -> bool:
        """Whether each row is larger than the one before: no two are equal."""
        if native_core.native is None:
            return all(before < after for before, after in pairwise(self))
        return native_core.native.ascends(self._view, self.width)


def find(sought: Packed, held: Packed) -> array[int]:
    """For each row sought (32 bytes) its place among those held, which ascend; `NOWHERE` when it is not there."""
    if native_core.native is None:
        places = {row: place for place, row in enumerate(held)}
        return array("I", [places.get(row, NOWHERE) for row in sought])
    return native_core.numbers(native_core.native.find(sought.buffer, held.buffer))


def absent(places: array[int]) -> array[int]:
    """Where among places `NOWHERE` stands, ascending."""
    found, at = array("I"), -1
    with suppress(ValueError):
        while True:
            at = places.index(NOWHERE, at + 1)
            found.append(at)
    return found


def order(rows: Packed) -> array[int]:
    """The places of rows (32 bytes each) in ascending order of the rows; equal ones as they stand."""
    if native_core.native is None:
        return array("I", sorted(range(len(rows)), key=rows.__getitem__))
    return native_core.numbers(native_core.native.order(rows.buffer))


def gather(rows: Packed, places: Buffer | array[int]) -> Packed:
    """The rows at these places (u32 each, as `find` gives them); zeros for `NOWHERE`."""
    view = memoryview(places).cast("B")
    if native_core.native is None:
        nothing = bytes(rows.width)
        found = (nothing if place == NOWHERE else rows[place] for place in view.cast("I"))
        return Packed(b"".join(found), rows.width)
    return Packed(
        native_core.native.gather(rows.buffer, rows.width, native_core.little_endian(view)), rows.width
    )
