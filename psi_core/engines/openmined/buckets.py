"""Own items spread over buckets, each filled to one size with random items, under a key of its own."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from psi_core.engines.interface import ITEM_BYTES
from psi_core.engines.openmined.orders import KEY_BYTES
from psi_core.engines.openmined.points import ORDER
from psi_core.errors import EngineFault

Positions: TypeAlias = "array[int]"
FILL = -1  # stands where a position would: the slot holds a random item
_SORT_KEY_BYTES = 16


def fresh_key() -> bytes:
    """Return a uniform private key of P-256: 32 bytes, in [1, order)."""
    return (secrets.randbelow(ORDER - 1) + 1).to_bytes(KEY_BYTES)


def spread(items: Sequence[bytes], buckets: int, bucket_size: int) -> list[Positions]:
    """Return, for each bucket, the positions of its items: bucket = u64be(item[:8]) * buckets >> 64.

    Raises:
        EngineFault: a bucket has more than `bucket_size` items (chance below 2^-40 a lane).
    """
    positions: list[Positions] = [array("q") for _ in range(buckets)]
    for position, item in enumerate(items):
        positions[int.from_bytes(item[:8]) * buckets >> 64].append(position)
    if max(map(len, positions)) > bucket_size:
        raise EngineFault("openmined: a bucket overflows; run the session again: its items fall differently")
    return positions


def filled(positions: Positions, bucket_size: int) -> Positions:
    """Return the positions with FILL added up to `bucket_size` slots, in a uniformly random order."""
    slots = positions + array("q", [FILL]) * (bucket_size - len(positions))
    # Sorting by random keys is a uniform shuffle, at one call of the system's generator a bucket.
    draw, width = secrets.token_bytes(_SORT_KEY_BYTES * bucket_size), _SORT_KEY_BYTES
    order = sorted(range(bucket_size), key=lambda slot: draw[slot * width : (slot + 1) * width])
    return array("q", [slots[slot] for slot in order])


def slot_items(items: Sequence[bytes], slots: Iterable[int]) -> bytes:
    """Return the items of the slots, concatenated; each FILL slot gets 32 fresh random bytes."""
    return b"".join(items[slot] if slot != FILL else secrets.token_bytes(ITEM_BYTES) for slot in slots)
