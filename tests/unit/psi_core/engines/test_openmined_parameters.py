"""Bucket parameters against two computations that share nothing with the one under test."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from psi_core.engines.interface import Reveal
from psi_core.engines.openmined.orders import MAX_BUCKET_POINTS
from psi_core.engines.openmined.parameters import bucket_parameters
from psi_core.errors import EngineFault


def overflows_too_often(size: int, buckets: int, bucket_size: int) -> bool:
    """Exactly, in whole numbers: is buckets * Pr[Bin(size, 1/buckets) > bucket_size] above 2^-40?"""
    ways = 1  # of all items in one bucket; then of one fewer, and so on: C(n, k) (b - 1)^(n - k)
    beyond = 0
    for count in range(size, bucket_size, -1):
        beyond += ways
        ways = ways * count * (buckets - 1) // (size - count + 1)
    return buckets * beyond * 2**40 > buckets**size


def log_tail(size: int, buckets: int, bucket_size: int) -> float:
    """The natural logarithm of Pr[Bin(size, 1/buckets) > bucket_size], in floating point."""
    logs = [
        math.lgamma(size + 1)
        - math.lgamma(count + 1)
        - math.lgamma(size - count + 1)
        - count * math.log(buckets)
        + (size - count) * math.log1p(-1 / buckets)
        for count in range(bucket_size + 1, bucket_size + 1500)
    ]
    return max(logs) + math.log(math.fsum(math.exp(log - max(logs)) for log in logs))


@pytest.mark.parametrize("size", [4097, 5000, 8192, 8193, 12_289, 20_000])
def test_bucket_size_is_the_smallest_that_is_safe_exactly(size: int) -> None:
    buckets, bucket_size = bucket_parameters(size, 1, "items")
    assert buckets == math.ceil(size / 4096)
    assert not overflows_too_often(size, buckets, bucket_size)
    assert overflows_too_often(size, buckets, bucket_size - 1)


@pytest.mark.parametrize("size", [100_000, 1 << 20, 1 << 24])
def test_bucket_size_is_the_smallest_that_is_safe_in_floating_point(size: int) -> None:
    buckets, bucket_size = bucket_parameters(size, size, "items")
    allowed = -40 * math.log(2) - math.log(buckets)
    assert log_tail(size, buckets, bucket_size) < allowed
    assert log_tail(size, buckets, bucket_size - 1) > allowed


def test_both_sides_get_the_same_from_the_larger_size() -> None:
    assert bucket_parameters(5000, 64, "items") == bucket_parameters(64, 5000, "items") == (2, 2752)


@pytest.mark.parametrize("reveal", get_args(Reveal))
@pytest.mark.parametrize("size", [1, 2, 4095, 4096])
def test_one_bucket_holds_exactly_the_padded_size(size: int, reveal: Reveal) -> None:
    assert bucket_parameters(size, 1, reveal) == (1, size)


def test_count_runs_in_one_bucket_however_large() -> None:
    assert bucket_parameters(20_000, 30_000, "count") == (1, 30_000)
    assert bucket_parameters(MAX_BUCKET_POINTS, 1, "count") == (1, MAX_BUCKET_POINTS)
    with pytest.raises(EngineFault, match="4,194,304"):
        bucket_parameters(MAX_BUCKET_POINTS + 1, 1, "count")


@pytest.mark.parametrize(("own", "peer"), [(0, 5), (5, 0), (-1, 5)])
def test_a_lane_without_items_is_refused(own: int, peer: int) -> None:
    with pytest.raises(EngineFault, match="at least one item"):
        bucket_parameters(own, peer, "items")


def test_the_largest_size_that_a_signed_text_can_state_is_still_computed() -> None:
    buckets, bucket_size = bucket_parameters(2**53 - 1, 1, "items")
    assert buckets == 2**41
    assert 4096 < bucket_size < 5000
