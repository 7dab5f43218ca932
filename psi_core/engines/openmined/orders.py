"""What the parent asks of a child that holds the library, and what it answers: a fixed binary format.

    order   u8 operation | u8 reveal (1: items, 0: count) | u32be count | 32-byte key | body
    body    SETUP, REQUEST   count x 32-byte items
            RESPOND          count x 33-byte points (the peer's request)
            INTERSECT        count x 33-byte points (the peer's set-up), then as many (its responses)
    answer  SETUP, REQUEST, RESPOND   count x 33-byte points
            INTERSECT                 items: the matching responses, ascending, u32be each
                                      count: their number, u32be

Keys travel in the orders: any child can serve any order, and a child's death loses nothing but its order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from psi_core.engines.interface import ITEM_BYTES
from psi_core.engines.openmined.points import POINT_BYTES
from psi_core.errors import EngineFault

KEY_BYTES = 32
MAX_BUCKET_POINTS = 1 << 22

_HEADER = struct.Struct(">BBI")
MAX_ORDER_BYTES = _HEADER.size + KEY_BYTES + 2 * POINT_BYTES * MAX_BUCKET_POINTS
MAX_ANSWER_BYTES = POINT_BYTES * MAX_BUCKET_POINTS


class Operation(IntEnum):
    """The library's four steps."""

    SETUP = 1
    REQUEST = 2
    RESPOND = 3
    INTERSECT = 4


_BODY_BYTES = {
    Operation.SETUP: ITEM_BYTES,
    Operation.REQUEST: ITEM_BYTES,
    Operation.RESPOND: POINT_BYTES,
    Operation.INTERSECT: 2 * POINT_BYTES,
}


@dataclass(frozen=True)
class Order:
    """One step on one bucket. `body` is as the module's table says; repr shows neither key nor body."""

    operation: Operation
    reveal_items: bool
    key: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def count(self) -> int:
        """How many items or points the bucket has."""
        return len(self.body) // _BODY_BYTES[self.operation]

    def encode(self) -> bytes:
        """Return the order's bytes."""
        header = _HEADER.pack(self.operation, self.reveal_items, self.count)
        return b"".join((header, self.key, self.body))

    @classmethod
    def decode(cls, data: bytes) -> Order:
        """Return the order that `data` is.

        Raises:
            EngineFault: the bytes are not one order, exactly.
        """
        start = _HEADER.size + KEY_BYTES
        if not start < len(data) <= MAX_ORDER_BYTES:
            raise EngineFault("openmined: an order is too short or too long")
        operation, reveal, count = _HEADER.unpack_from(data)
        if operation not in _BODY_BYTES or reveal > 1:
            raise EngineFault("openmined: an order names no known operation")
        if len(data) - start != count * _BODY_BYTES[Operation(operation)]:
            raise EngineFault("openmined: an order's length is not what its count says")
        return cls(Operation(operation), bool(reveal), data[_HEADER.size : start], data[start:])


def encode_numbers(numbers: list[int]) -> bytes:
    """Return an INTERSECT order's answer: each number as u32be."""
    return struct.pack(f">{len(numbers)}I", *numbers)


def points_answer(answer: bytes, count: int) -> bytes:
    """Return the answer to a SETUP, REQUEST or RESPOND order of `count`; EngineFault on another length."""
    if len(answer) != count * POINT_BYTES:
        raise EngineFault("openmined: a child answered another number of points than it was asked for")
    return answer


def matches_answer(answer: bytes, count: int) -> list[int]:
    """Return the answer to an INTERSECT order with reveal `items`: ascending indexes below `count`.

    Raises:
        EngineFault: the answer is anything else.
    """
    if len(answer) % 4 or len(answer) > 4 * count:
        raise EngineFault("openmined: a child's answer has a wrong length")
    matches = list(struct.unpack(f">{len(answer) // 4}I", answer))
    if matches != sorted(set(matches)) or (matches and matches[-1] >= count):
        raise EngineFault("openmined: a child named a match that cannot be")
    return matches


def count_answer(answer: bytes, count: int) -> int:
    """Return the answer to an INTERSECT order with reveal `count`; EngineFault unless 4 bytes, <= `count`."""
    matches = int.from_bytes(answer)
    if len(answer) != 4 or matches > count:
        raise EngineFault("openmined: a child counted matches that cannot be")
    return matches
