"""Compressed points of P-256 as the wire carries them: checked, cut into frames, and read back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from psi_core.engines.interface import MAX_FRAME_BYTES
from psi_core.errors import ProtocolFault

POINT_BYTES = 33
MAX_FRAME_POINTS = MAX_FRAME_BYTES // POINT_BYTES  # 31,775 points: 1,048,575 bytes

# The field's prime and the group's order (SEC 2 version 2, section 2.4.2, secp256r1).
_PRIME = bytes.fromhex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def split_points(points: bytes) -> list[bytes]:
    """Return the 33-byte points that `points` is made of."""
    return [points[at : at + POINT_BYTES] for at in range(0, len(points), POINT_BYTES)]


def is_ascending(points: list[bytes]) -> bool:
    """Whether the points are sorted and all distinct."""
    return all(before < after for before, after in pairwise(points))


def cut_frames(bucket: bytes) -> Iterator[bytes]:
    """Yield one bucket's points in frames of MAX_FRAME_POINTS points, the last one shorter."""
    step = MAX_FRAME_POINTS * POINT_BYTES
    for at in range(0, len(bucket), step):
        yield bucket[at : at + step]


class PointReader:
    """Reads one message of the peer, `buckets` buckets of `bucket_size` points, frame by frame.

    A frame may have one length only; its points are checked before it is kept, and a bucket is returned when
    its last point has arrived. The points of a bucket must be distinct and, with `ascending`, sorted.
    """

    def __init__(self, message: str, buckets: int, bucket_size: int, *, ascending: bool) -> None:
        self._message = message
        self._buckets_due = buckets
        self._bucket_size = bucket_size
        self._ascending = ascending
        self._frames: list[bytes] = []
        self._points_due = bucket_size

    @property
    def complete(self) -> bool:
        """Whether the last bucket has arrived."""
        return self._buckets_due == 0

    def take(self, frame: bytes) -> bytes | None:
        """Take the next frame; return a bucket's points (bucket_size x 33 bytes) if it is the bucket's last.

        Raises:
            ProtocolFault: the message was complete, the frame has another length than is due, a point is no
                compressed encoding of a field element, or a bucket's points are not distinct or not sorted.
        """
        if self.complete:
            raise ProtocolFault(f"openmined: a frame arrived after the last {self._message} frame")
        due = min(MAX_FRAME_POINTS, self._points_due)
        if len(frame) != due * POINT_BYTES:
            raise ProtocolFault(
                f"openmined: a {self._message} frame has {len(frame):,} bytes, {due * POINT_BYTES:,} are due"
            )
        self._check_encoding(frame)
        self._frames.append(frame)
        self._points_due -= due
        return None if self._points_due else self._finish_bucket()

    def _check_encoding(self, frame: bytes) -> None:
        """Check that every point begins with 02 or 03 and has an x below the field's prime (SEC 1, 2.3.4)."""
        if frame[::POINT_BYTES].translate(None, b"\x02\x03"):
            raise ProtocolFault(f"openmined: a {self._message} point does not begin with 02 or 03")
        if any(frame[at : at + 32] >= _PRIME for at in range(1, len(frame), POINT_BYTES)):
            raise ProtocolFault(f"openmined: the x of a {self._message} point is not below the field's prime")

    def _finish_bucket(self) -> bytes:
        bucket = b"".join(self._frames)
        self._frames.clear()
        points = split_points(bucket)
        if self._ascending and not is_ascending(points):
            raise ProtocolFault(
                f"openmined: the {self._message} points of a bucket are not sorted, or one comes twice"
            )
        if len(set(points)) != len(points):
            raise ProtocolFault(f"openmined: a {self._message} point comes twice in a bucket")
        self._buckets_due -= 1
        self._points_due = self._bucket_size
        return bucket
