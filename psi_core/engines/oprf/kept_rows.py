"""Rows that an epoch keeps, in memory or wherever the caller keeps them: outputs, 64 bytes an item; sealed labels.

They are more than half of what is kept, and a run that changes a little needs few of them, or none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from psi_core import native_core
from psi_core.errors import EngineFault

OUTPUT_BYTES = 64
ROWS_A_BLOCK = 16_384
"""1 MiB of outputs."""
_PLACE_BYTES = 4


class Rows(Protocol):
    """Rows 0 to `count` - 1, all of one width."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        ...

    def block(self, number: int) -> bytes:
        """Rows from `number` * ROWS_A_BLOCK on, packed: as many as a block has, or as are left.

        Raises EngineFault where they are kept elsewhere and cannot be had.
        """
        ...


class PackedRows:
    """Rows in memory, in an order of their own: `order` has the place of each row (u32, little-endian)."""

    def __init__(self, packed: bytes, order: bytes, width: int = OUTPUT_BYTES) -> None:
        self._packed = packed
        self._order = order
        self._width = width

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._order) // _PLACE_BYTES

    def block(self, number: int) -> bytes:
        """One block of rows; only a block at a time is copied."""
        size = ROWS_A_BLOCK * _PLACE_BYTES
        order = self._order[number * size : (number + 1) * size]
        return native_core.native.gather(self._packed, self._width, order)


class PlainRows:
    """Rows in memory, side by side."""

    def __init__(self, packed: bytes, width: int) -> None:
        self._packed = packed
        self._width = width

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._packed) // self._width

    def block(self, number: int) -> bytes:
        """One block of rows."""
        size = ROWS_A_BLOCK * self._width
        return self._packed[number * size : (number + 1) * size]


class JoinedRows:
    """The rows of several parts, one after the other, as rows of an epoch."""

    def __init__(self, parts: Sequence[Rows], width: int = OUTPUT_BYTES) -> None:
        self._parts = parts
        self._width = width
        self._starts = [0, *accumulate(part.count for part in parts)]

    @property
    def parts(self) -> Sequence[Rows]:
        """What they are joined from."""
        return self._parts

    @property
    def starts(self) -> Sequence[int]:
        """Of each part the first row, and the number of all."""
        return self._starts

    @property
    def count(self) -> int:
        """How many rows there are in all."""
        return self._starts[-1]

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """All rows in their order: the first row of each block, and the block."""
        for start, part in zip(self._starts, self._parts, strict=False):
            for number in range(-(-part.count // ROWS_A_BLOCK)):
                yield start + number * ROWS_A_BLOCK, part.block(number)

    def rows(self, rows: Sequence[int]) -> bytes:
        """These rows, in any order, packed in theirs."""
        order = sorted(range(len(rows)), key=rows.__getitem__)
        width = self._width
        found, held, block = bytearray(len(rows) * width), (-1, -1), b""
        for at in order:
            part = bisect_right(self._starts, rows[at]) - 1
            number, place = divmod(rows[at] - self._starts[part], ROWS_A_BLOCK)
            if held != (part, number):
                held, block = (part, number), self._parts[part].block(number)
            found[at * width : (at + 1) * width] = block[place * width : (place + 1) * width]
        return bytes(found)


class ChosenRows:
    """Some of other rows, as rows of their own."""

    def __init__(self, rows: JoinedRows, chosen: Sequence[int]) -> None:
        self._rows = rows
        self._chosen = chosen

    @property
    def count(self) -> int:
        """How many were chosen."""
        return len(self._chosen)

    def block(self, number: int) -> bytes:
        """One block of the chosen rows."""
        return self._rows.rows(self._chosen[number * ROWS_A_BLOCK : (number + 1) * ROWS_A_BLOCK])


def damaged(fault: object) -> EngineFault:
    """What to raise where something that is kept is not what was written."""
    return EngineFault(f"oprf: the cached generation is damaged: {fault}. Run in full.")
