"""What was said in one direction, as a hash over engine frames alone."""

from __future__ import annotations

import hashlib
import struct

_PREFIX = struct.Struct(">IIB")


class Transcript:
    """SHA-256 over u32be(length) || u32be(lane) || run || payload of every engine frame, in sending order.

    One per direction and session; both sides sign both (design.md section 4, step 4).
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.frames = 0
        self.bytes = 0

    def add(self, lane: int, run: int, payload: bytes) -> None:
        """Take in one frame; `lane` counts from 0, `run` is 0 or 1 (see roles.RECEIVER_OF_RUN)."""
        self._hash.update(_PREFIX.pack(len(payload), lane, run))
        self._hash.update(payload)
        self.frames += 1
        self.bytes += len(payload)

    def value(self) -> bytes:
        """The hash so far, 32 bytes; more frames may follow."""
        return self._hash.copy().digest()
