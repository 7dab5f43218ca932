"""The one door to the native core: `psi_native` when it is installed, None otherwise.

Every caller has a readable Python form of the same work beside its call, and takes that when there is none:

    if native_core.native is None:
        return b"".join(map(leaf_hash, rows))
    return native_core.native.leaf_hashes(*native_core.packed(rows))

Callers look it up at each call, so that tests can run both ways.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate

try:
    import psi_native as native
except ImportError:
    native = None  # type: ignore[assignment] # the Python forms do the work

__all__ = ["HASH", "available", "cut", "little_endian", "native", "numbers", "packed", "positions"]

HASH = 32
"""Bytes of a hash, fingerprint or item."""


def available() -> bool:
    """Whether the native core does the hot loops of this process."""
    return native is not None


def packed(rows: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Rows side by side, and for each the u32 (little-endian) at which it ends: how rows go in.

    Together below 4 GiB.
    """
    ends = array("I", accumulate(map(len, rows)))
    if sys.byteorder == "big":
        ends.byteswap()
    return b"".join(rows), ends.tobytes()


def cut(data: bytes, size: int = HASH) -> list[bytes]:
    """Packed elements of one size, apart."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def numbers(data: bytes) -> array[int]:
    """u32 (little-endian) side by side, as an array: how places come out."""
    found = array("I", data)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def positions(data: bytes) -> list[int]:
    """The same as a list, for few of them."""
    return numbers(data).tolist()


def little_endian(numbers: memoryview) -> memoryview:
    """u32 of this machine's byte order, side by side, as they go in."""
    if sys.byteorder == "little":
        return numbers.toreadonly()
    swapped = array("I", numbers.tobytes())
    swapped.byteswap()
    return memoryview(swapped.tobytes())
