"""Outputs that an epoch keeps: 64 bytes an item, by row, in memory or wherever the caller keeps them.

They are more than half of what is kept, and a run that changes a little needs few of them, or none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from psi_core import native_core

OUTPUT_BYTES = 64
ROWS_A_BLOCK = 16_384
"""1 MiB of outputs."""
_PLACE_BYTES = 4


class Outputs(Protocol):
    """Outputs of rows 0 to `count` - 1."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        ...

    def block(self, number: int) -> bytes:
        """Rows from `number` * ROWS_A_BLOCK on, packed: as many as a block has, or as are left.

        Raises EngineFault where they are kept elsewhere and cannot be had.
        """
        ...


class PackedOutputs:
    """Outputs in memory, in an order of their own: `order` has the place of each row (u32, little-endian)."""

    def __init__(self, packed: bytes, order: bytes) -> None:
        self._packed = packed
        self._order = order

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._order) // _PLACE_BYTES

    def block(self, number: int) -> bytes:
        """One block of rows; only a block at a time is copied."""
        size = ROWS_A_BLOCK * _PLACE_BYTES
        order = self._order[number * size : (number + 1) * size]
        return native_core.native.gather(self._packed, OUTPUT_BYTES, order)


class JoinedOutputs:
    """The outputs of several parts, one after the other, as rows of an epoch."""

    def __init__(self, parts: Sequence[Outputs]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(part.count for part in parts)]

    @property
    def parts(self) -> Sequence[Outputs]:
        """What they are joined from."""
        return self._parts

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
        """Outputs of these rows, in any order, packed in theirs."""
        order = sorted(range(len(rows)), key=rows.__getitem__)
        found, held, block = [b""] * len(rows), (-1, -1), b""
        for at in order:
            part = bisect_right(self._starts, rows[at]) - 1
            number, place = divmod(rows[at] - self._starts[part], ROWS_A_BLOCK)
            if held != (part, number):
                held, block = (part, number), self._parts[part].block(number)
            found[at] = block[place * OUTPUT_BYTES : (place + 1) * OUTPUT_BYTES]
        return b"".join(found)


class ChosenOutputs:
    """Some rows of other outputs, as rows of their own."""

    def __init__(self, outputs: JoinedOutputs, rows: Sequence[int]) -> None:
        self._outputs = outputs
        self._rows = rows

    @property
    def count(self) -> int:
        """How many were chosen."""
        return len(self._rows)

    def block(self, number: int) -> bytes:
        """One block of the chosen rows."""
        return self._outputs.rows(self._rows[number * ROWS_A_BLOCK : (number + 1) * ROWS_A_BLOCK])
