"""How a pool and its children talk over pipes.

to the child     u32be length | order
from the child   u32be length | u8 status | answer (empty unless the status is OK)
"""

from __future__ import annotations

from enum import IntEnum
from typing import BinaryIO

_LENGTH_BYTES = 4


class Status(IntEnum):
    """What became of an order."""

    OK = 0
    REFUSED = 1  # the library refused its input, for instance a point that is not on the curve
    MALFORMED = 2  # the order itself does not parse
    UNAVAILABLE = 3  # the library is not installed on this platform


def write_message(pipe: BinaryIO, *parts: bytes) -> None:
    """Write the parts as one message.

    Raises:
        OSError: the other end is gone.
    """
    pipe.write(sum(map(len, parts)).to_bytes(_LENGTH_BYTES))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read_message(pipe: BinaryIO, limit: int) -> bytes | None:
    """Return the next message.

    None if the pipe ends, in mid-message too, or if a message of more than `limit` bytes begins.
    """
    head = pipe.read(_LENGTH_BYTES)
    length = int.from_bytes(head)
    if len(head) < _LENGTH_BYTES or length > limit:
        return None
    message = pipe.read(length)
    return message if len(message) == length else None
