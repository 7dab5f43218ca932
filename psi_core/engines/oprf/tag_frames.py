"""The sender's tags on the wire: sorted, Golomb-Rice coded, so many a frame that no frame passes 1 MiB."""

from __future__ import annotations

from collections.abc import Iterator

from psi_core import native_core
from psi_core.engines.interface import MAX_FRAME_BYTES
from psi_core.errors import EngineFault, ProtocolFault

TAGS_A_FRAME = 65_536
"""About 8 bytes each at 2^20 tags; at the longest tags (100 bits) and the smallest lists still below 1 MiB."""


def tag_bytes(bits: int) -> int:
    """Bytes of one tag in memory."""
    return -(-bits // 8)


def encode_frames(tags: bytes, bits: int) -> Iterator[bytes]:
    """Yield the frames of sorted packed tags; raises EngineFault when they are none of this key."""
    width = tag_bytes(bits)
    total, before = len(tags) // width, b""
    for at in range(0, total, TAGS_A_FRAME):
        part = tags[at * width : (at + TAGS_A_FRAME) * width]
        try:
            frame = native_core.native.oprf_encode_tags(part, before, bits, total)
        except ValueError as fault:
            raise EngineFault(f"oprf: {fault}") from None
        if len(frame) > MAX_FRAME_BYTES:
            raise EngineFault("oprf: coded tags do not fit into a frame; their gaps are not random")
        yield frame
        before = part[-width:]


class TagReader:
    """Reads the peer's `total` tags, frame by frame; how many a frame holds follows from `total` alone."""

    def __init__(self, total: int, bits: int) -> None:
        self._total = total
        self._bits = bits
        self._due = total
        self._before = b""
        self._parts: list[bytes] = []

    @property
    def complete(self) -> bool:
        """Whether the last tag has arrived."""
        return self._due == 0

    def take(self, frame: bytes) -> None:
        """Take the next frame; raises ProtocolFault unless it is the code of exactly the tags that are due."""
        if self.complete:
            raise ProtocolFault("oprf: a frame arrived after the last tag")
        count = min(TAGS_A_FRAME, self._due)
        try:
            tags = native_core.native.oprf_decode_tags(frame, self._before, self._bits, self._total, count)
        except ValueError as fault:
            raise ProtocolFault(f"oprf: the peer's tags: {fault}") from None
        self._due -= count
        self._before = tags[-tag_bytes(self._bits) :]
        self._parts.append(tags)

    def tags(self) -> bytes:
        """All tags, sorted and packed; joined once."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""
