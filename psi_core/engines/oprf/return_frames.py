"""Return values on the wire: those of the receiver's matches among random ones, sorted, so many a frame.

Their number is a multiple of a bucket; a message ends with its first frame that is not full. It is never more than
the smaller padded size, rounded up to the bucket.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from psi_core import native_core
from psi_core.engines.interface import MAX_FRAME_BYTES
from psi_core.errors import EngineFault, ProtocolFault

RETURN_BYTES = 16
VALUES_A_FRAME = MAX_FRAME_BYTES // RETURN_BYTES  # 65,536
RETURN_BUCKET = 256


def _padded(count: int) -> int:
    return max(1, -(-count // RETURN_BUCKET)) * RETURN_BUCKET


def return_frames(values: bytes) -> Iterator[bytes]:
    """Yield the frames for the packed return values of all matches, 16 bytes each."""
    padding = padding_of(len(values) // RETURN_BYTES)
    yield from value_frames(native_core.native.oprf_sort(values + padding, RETURN_BYTES))


def padding_of(count: int) -> bytes:
    """Random values, packed, that fill `count` values up to whole buckets."""
    return secrets.token_bytes((_padded(count) - count) * RETURN_BYTES)


def value_frames(message: bytes) -> Iterator[bytes]:
    """Yield the frames of packed values, sorted and padded; the last one is never full."""
    yield from (message[at : at + MAX_FRAME_BYTES] for at in range(0, len(message) + 1, MAX_FRAME_BYTES))


class ReturnReader:
    """Reads the peer's return values, at most as many as the smaller of both sets can match."""

    def __init__(self, most_matches: int) -> None:
        self._most = _padded(most_matches)
        self._parts: list[bytes] = []
        self._count = 0
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether the last frame has arrived."""
        return self._complete

    @property
    def count(self) -> int:
        """How many values have arrived, padding included."""
        return self._count

    def take(self, frame: bytes) -> None:
        """Take the next frame; raises ProtocolFault when it cannot be one, or the message becomes too long."""
        if self._complete:
            raise ProtocolFault("oprf: a frame arrived after the last return value")
        if len(frame) % RETURN_BYTES or len(frame) > MAX_FRAME_BYTES:
            raise ProtocolFault(f"oprf: a frame of return values has {len(frame):,} bytes")
        self._count += len(frame) // RETURN_BYTES
        if self._count > self._most:
            raise ProtocolFault(f"oprf: more than {self._most:,} return values arrived")
        self._parts.append(frame)
        self._complete = len(frame) < MAX_FRAME_BYTES
        if self._complete and (self._count % RETURN_BUCKET or not self._count):
            raise ProtocolFault(f"oprf: {self._count:,} return values are no whole bucket of {RETURN_BUCKET}")

    def values(self) -> bytes:
        """All values, packed; raises ProtocolFault unless they are sorted, EngineFault before the last arrived."""
        if not self._complete:
            raise EngineFault("oprf: return values were asked for before the last one arrived")
        values = b"".join(self._parts)
        if native_core.native.oprf_sort(values, RETURN_BYTES) != values:
            raise ProtocolFault("oprf: the peer's return values are not sorted")
        return values
