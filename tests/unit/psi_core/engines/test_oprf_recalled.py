"""What a generation knows of a lane's items: values of known and new ones, in any order, and what they cost."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from psi_core import native_core
from psi_core.engines.oprf.generation import Generation, width_of
from psi_core.engines.oprf.recalled import Recalled
from tests.labelled_epoch import LabelledEpoch, said
from tests.oprf_lanes import items

pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

FIRST = 2_000
"""Numbers from here on: none is a canary's."""


def sent(epoch: LabelledEpoch, count: int) -> Generation:
    """What a sender keeps of so many items."""
    epoch.run([1], {FIRST + number: said(number) for number in range(count)})
    assert epoch.theirs is not None
    return epoch.theirs


def test_values_of_known_and_of_new_items_come_in_the_order_asked_for() -> None:
    epoch = LabelledEpoch()
    lane = items(range(FIRST + 20, FIRST + 60))  # the first half is known
    recalled = Recalled(sent(epoch, 40), lane)
    native, each = (
        native_core.native,
        [native_core.native.oprf_evaluate(epoch.key.secret, item) for item in lane],
    )
    recalled.learn(b"".join(each[at] for at in recalled.unknown))
    places = random.Random(5).sample(range(40), 30)  # noqa: S311 - test data
    outputs = b"".join(each[at] for at in places)
    assert recalled.outputs_of(places) == outputs
    assert recalled.tags_of(places) == native.oprf_tags(outputs, epoch.statement.tag_bits)
    assert recalled.outputs_of([]) == recalled.tags_of([]) == b""


def test_values_of_all_items_take_little_more_than_themselves() -> None:
    count = 4_096
    epoch = LabelledEpoch()
    recalled = Recalled(sent(epoch, count), items(range(FIRST, FIRST + count)))
    places = recalled.known_at_random(count)
    for values_of, width, spare in (
        (recalled.tags_of, width_of(epoch.statement), 64),
        (recalled.outputs_of, 64, 256),
    ):
        tracemalloc.start()
        found = values_of(places)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(found) == count * width
        assert peak < count * (width + spare)
