"""How long a store is, from the number of items alone: what a lane costs, computed without the native core.

The same arithmetic as native/src/vole/okvs/shape.rs; a test holds both equal.
"""

from __future__ import annotations

import math
from functools import lru_cache

_STATISTICAL = 40.0
_BIN_BITS = 14
_LEAST_FITTED = 64
_CRITICAL = 1.223
_OFFSET = 9.2
_STEPS = 10_000.0
_NEGLIGIBLE = 1e-40


@lru_cache(maxsize=256)
def slots(items: int) -> int:
    """Elements of the store of `items` items: about what a receiver that departs from the protocol can test.

    About 1.27 items at 2^14 and 1.36 above (RR22 section 3.2, docs/vole.md section 4).
    """
    bins = max(1, items >> _BIN_BITS)
    bits = _STATISTICAL + math.log2(bins)
    fitted = float(max(_largest_bin(items, bins), _LEAST_FITTED))
    expansion = math.ceil(_expansion(fitted, bits) * _STEPS) / _STEPS
    sparse = math.ceil(expansion * fitted)
    dense = math.floor(bits / math.log2(expansion * fitted))
    return bins * (sparse + dense)


def _expansion(items: float, bits: float) -> float:
    weight = math.log2(3.0)
    shift = 0.093 * (weight * weight * weight) - 1.01 * (weight * weight) + 2.925 * weight - 0.133
    return _CRITICAL + (bits + _OFFSET) / math.pow(2.0, 0.555 * math.log2(items) + shift)


def _largest_bin(items: int, bins: int) -> int:
    """The smallest q with bins * Pr[a bin holds more than q] <= 2^-(40 + log2 bins)."""
    if bins == 1:
        return items
    others, mode = float(bins - 1), items // bins

    def ratio(k: int) -> float:
        """Pr[k + 1] / Pr[k] of a binomial variable."""
        return (items - k) / ((k + 1) * others)

    weights, weight = [1.0], 1.0
    for k in range(mode, items):
        weight *= ratio(k)
        if weight < _NEGLIGIBLE:
            break
        weights.append(weight)
    total, weight = _sum(weights), 1.0
    for k in range(mode - 1, -1, -1):
        weight /= ratio(k)
        total += weight
        if weight < _NEGLIGIBLE:
            break
    allowed, tail = total / (bins * bins * 2.0**_STATISTICAL), 0.0
    for above in range(len(weights) - 1, -1, -1):
        tail += weights[above]
        if tail > allowed:
            return mode + above
    return mode


def _sum(values: list[float]) -> float:
    """Left to right: `sum` compensates since Python 3.12, and the native core does not."""
    total = 0.0
    for value in values:
        total += value
    return total
