"""Cosignatures with a time (c2sp.org/tlog-cosignature, cosignature/v1): what is signed and how it is carried.

A cosignature's value is u64be(time) followed by a 64-byte Ed25519 signature; time counts seconds since 1970.
"""

from __future__ import annotations

from psi_core.errors import InvalidNote

MAX_TIME = 2**63 - 1
SIGNED_LENGTH = 8 + 64


def signed_message(text: bytes, time: int) -> bytes:
    """Return the bytes that a cosigner signs for a note with this `text` (final LF included) at `time`."""
    if not 0 <= time <= MAX_TIME:
        raise InvalidNote("a cosignature's time lies outside 0 .. 2^63 - 1 seconds")
    return b"cosignature/v1\ntime %d\n" % time + text


def join(time: int, signature: bytes) -> bytes:
    """Return the 72-byte value of a cosignature line from a time and a 64-byte signature."""
    return time.to_bytes(8, "big") + signature


def split(value: bytes) -> tuple[int, bytes]:
    """Return (time, 64-byte signature) of a 72-byte cosignature value; other lengths raise InvalidNote."""
    if len(value) != SIGNED_LENGTH:
        raise InvalidNote(f"a cosignature has {len(value)} bytes instead of {SIGNED_LENGTH}")
    return int.from_bytes(value[:8], "big"), value[8:]
