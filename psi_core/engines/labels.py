"""Sealed labels on the wire: of one size, so many a frame, whole ones in each; and how they are opened.

    sealed label: nonce (12 random bytes), AES-256-GCM of the label (NIST SP 800-38D), tag (16 bytes)
    key:          each engine's own, derived from what a match gives to both sides and nothing that is sent
    bound to:     agreement, match key, and the tag or returned value that the label belongs to

They follow the tags, in the tags' order; so holding all tags and all sealed labels opens none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psi_core import native_core
from psi_core.engines.interface import MAX_FRAME_BYTES
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.kinds.fields import lengths

MOST_BYTES = 1024
OVERHEAD = 28
_KEY = 32


def bound_to(agreement: bytes, match_key: str) -> bytes:
    """What the labels of one lane are sealed for, beside the tag of each."""
    return lengths(agreement, match_key)


def sealed_size(size: int) -> int:
    """Bytes of a sealed label of `size` bytes; raises EngineFault outside 1 .. 1,024."""
    if not 1 <= size <= MOST_BYTES:
        raise EngineFault(f"labels have 1 to {MOST_BYTES:,} bytes, {size:,} were asked for")
    return size + OVERHEAD


def seal(keys: bytes, prefix: bytes, tags: bytes, width: int, labels: bytes, size: int) -> bytes:
    """Seal labels (packed, `size` bytes each), in the order given, each under its key (32 bytes) and tag (`width`)."""
    sealed_size(size)
    try:
        return native_core.native.labels_seal(keys, prefix, tags, width, labels, size)
    except ValueError as fault:
        raise EngineFault(f"labels cannot be sealed: {fault}") from None


def opened(
    keys: bytes, prefix: bytes, tags: bytes, width: int, sealed: bytes, size: int
) -> list[bytes | None]:
    """Open sealed labels (packed, in the order of their keys and tags); None for each that does not open."""
    found = native_core.native.labels_open(keys, prefix, tags, width, sealed, size)
    return [row[1:] if row[0] else None for row in native_core.cut(found, size + 1)]


def label_frames(sealed: bytes, size: int) -> Iterator[bytes]:
    """Yield the frames of sealed labels."""
    step = _a_frame(size) * sealed_size(size)
    yield from (sealed[at : at + step] for at in range(0, len(sealed), step))


def frames_of(count: int, size: int) -> int:
    """How many frames `count` labels take."""
    return -(-count // _a_frame(size))


def _a_frame(size: int) -> int:
    return MAX_FRAME_BYTES // sealed_size(size)


class SealedReader:
    """Reads one sealed label of `size` bytes for each of `total` tags."""

    def __init__(self, total: int, size: int) -> None:
        self._size = size
        self._due = total
        self._parts: list[bytes] = []

    @property
    def complete(self) -> bool:
        """Whether the last label has arrived."""
        return self._due == 0

    def take(self, frame: bytes) -> None:
        """Take the next frame; raises ProtocolFault unless it has the one length that is due."""
        count = min(_a_frame(self._size), self._due)
        if not count or len(frame) != count * sealed_size(self._size):
            due = count * sealed_size(self._size)
            raise ProtocolFault(f"a frame of labels has {len(frame):,} bytes, {due:,} are due")
        self._due -= count
        self._parts.append(frame)

    def at(self, places: Sequence[int]) -> bytes:
        """The sealed labels at these places, packed in their order."""
        sealed, each = self.all(), sealed_size(self._size)
        return b"".join(sealed[place * each : (place + 1) * each] for place in places)

    def all(self) -> bytes:
        """Every sealed label, packed."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""
