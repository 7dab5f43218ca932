"""How many buckets a lane has, and how large they must be so that hardly ever one overflows."""

from __future__ import annotations

from functools import lru_cache

from psi_core.engines.interface import Reveal
from psi_core.engines.openmined.orders import MAX_BUCKET_POINTS
from psi_core.errors import EngineFault

MEAN_BUCKET = 4096
OVERFLOW_BITS = 40

# Binary places of the fixed-point numbers below. The smallest number met is (1 - 1/b)^n, least for b = 2 and
# n = 8192: 2^-8192. That leaves 8,192 correct places where 40 + log2(b) are compared.
_PLACES = 16_384


def bucket_parameters(own_size: int, peer_size: int, reveal: Reveal) -> tuple[int, int]:
    """Return (buckets b, bucket size s) for the larger of two padded sizes, n.

    b = ceil(n / 4096), with reveal `count` 1. s is the smallest size with b * Pr[Bin(n, 1/b) > s] <= 2^-40; n
    itself if b = 1. The computation is in integers only, so both sides get the same s on every platform.

    Raises:
        EngineFault: a size is below 1, or a bucket would hold more than MAX_BUCKET_POINTS.
    """
    if own_size < 1 or peer_size < 1:
        raise EngineFault("openmined: a lane needs at least one item on either side")
    size = max(own_size, peer_size)
    buckets = 1 if reveal == "count" else -(-size // MEAN_BUCKET)
    bucket_size = _bucket_size(size, buckets)
    if bucket_size > MAX_BUCKET_POINTS:
        raise EngineFault(
            f"openmined: reveal count runs in one bucket of at most {MAX_BUCKET_POINTS:,} items, "
            f"{size:,} were asked; ask for a smaller set or for reveal items"
        )
    return buckets, bucket_size


@lru_cache(maxsize=256)
def _bucket_size(size: int, buckets: int) -> int:
    """Return the smallest s with buckets * Pr[Bin(size, 1/buckets) > s] <= 2^-40."""
    if buckets == 1:
        return size
    one = 1 << _PLACES
    allowed = (one >> OVERFLOW_BITS) // buckets
    term = _power((one * (buckets - 1)) // buckets, size)  # Pr[Bin = 0]
    beyond = one - term
    filled = 0
    while beyond > allowed:
        # Pr[Bin = k + 1] = Pr[Bin = k] * (n - k) / ((k + 1) * (b - 1))
        term = term * (size - filled) // ((filled + 1) * (buckets - 1))
        filled += 1
        beyond -= term
    return filled


def _power(number: int, exponent: int) -> int:
    """Return number^exponent in fixed point, rounded down; number is below one."""
    result = 1 << _PLACES
    while exponent:
        if exponent & 1:
            result = result * number >> _PLACES
        number = number * number >> _PLACES
        exponent >>= 1
    return result
