"""Buckets: where an item falls, how a bucket is filled, and in which order it is sent."""

from __future__ import annotations

from array import array
from collections import Counter

import pytest

from psi_core.engines.openmined.buckets import FILL, filled, fresh_key, slot_items, spread
from psi_core.engines.openmined.points import ORDER
from psi_core.errors import EngineFault


def item(first: int) -> bytes:
    return first.to_bytes(8) + bytes(24)


@pytest.mark.parametrize(
    ("first", "buckets", "bucket"),
    [
        (0, 5, 0),
        (2**64 - 1, 5, 4),
        (2**63 - 1, 2, 0),
        (2**63, 2, 1),
        (0x5555_5555_5555_5555, 3, 0),  # floor(2^64 / 3) * 3 is one short of 2^64
        (0x5555_5555_5555_5556, 3, 1),
        (2**64 - 1, 1, 0),
    ],
)
def test_an_items_bucket_is_its_first_eight_bytes_times_b_shifted(
    first: int, buckets: int, bucket: int
) -> None:
    found = spread([item(first)], buckets, 1)
    assert [list(positions) for positions in found] == [[0] if at == bucket else [] for at in range(buckets)]


def test_every_position_falls_into_one_bucket() -> None:
    items = [item(first << 56) for first in range(256)]
    positions = spread(items, 7, 64)
    assert sorted(position for bucket in positions for position in bucket) == list(range(256))


def test_a_bucket_that_overflows_is_a_fault() -> None:
    items = [item(first) for first in range(5)]
    assert len(spread(items, 4, 5)[0]) == 5
    with pytest.raises(EngineFault, match="overflows"):
        spread(items, 4, 4)


def test_a_bucket_is_filled_to_its_size() -> None:
    slots = filled(array("q", [4, 9, 11]), 10)
    assert Counter(slots) == Counter({4: 1, 9: 1, 11: 1, FILL: 7})
    assert list(filled(array("q", [3]), 1)) == [3]


def test_slots_are_shuffled() -> None:
    own = array("q", range(40))
    orders = {tuple(filled(own, 40)) for _ in range(20)}
    assert len(orders) == 20  # by chance two of 20 shuffles of 40 slots are equal once in 10^45 runs
    first = Counter(filled(array("q", range(4)), 4)[0] for _ in range(4000))
    assert all(850 < count < 1150 for count in first.values())  # 1,000 expected; five standard deviations


def test_fill_is_random_and_new_each_time() -> None:
    items = [item(1), item(2)]
    sent = slot_items(items, [1, FILL, 0, FILL])
    assert sent[:32] == item(2)
    assert sent[64:96] == item(1)
    assert len({sent[32:64], sent[96:], *items}) == 4
    assert slot_items(items, [FILL]) != slot_items(items, [FILL])


def test_keys_are_fresh_and_inside_the_group() -> None:
    keys = [fresh_key() for _ in range(50)]
    assert len(set(keys)) == 50
    assert all(len(key) == 32 and 0 < int.from_bytes(key) < ORDER for key in keys)
