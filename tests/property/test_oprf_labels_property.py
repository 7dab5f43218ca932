"""Labels over the runs of an epoch: after each, matches have what the sender says now, and nothing else opens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi_core.engines.interface import Outcome
from tests.labelled_epoch import BACK, SIZE, LabelledEpoch, said

pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

NUMBERS = st.sets(st.integers(0, 11), max_size=10)
LABELLED = st.dictionaries(st.integers(0, 11), st.integers(0, 2), max_size=10)
TURN = st.tuples(
    NUMBERS, LABELLED, st.sampled_from(["", "shorten", "erase ours", "erase theirs"]), st.integers(0, 11)
)


def check(outcome: Outcome, own: list[int], labels: dict[int, bytes], size: int) -> None:
    """The last place is the canary's, which both sides hold, and nothing is said of it."""
    expected = {place: labels[number] for place, number in enumerate(own) if number in labels}
    expected[len(own)] = bytes(size)
    assert (dict(outcome.labels), outcome.count, outcome.unopened) == (expected, len(expected), 0)
    assert tuple(outcome.positions or ()) == tuple(sorted(expected))


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.integers(1, 5), st.lists(TURN, min_size=2, max_size=6))
def test_after_each_run_matches_have_the_labels_of_now(
    returns: bool, bucket: int, turns: list[tuple[set[int], dict[int, int], str, int]]
) -> None:
    epoch = LabelledEpoch(returns=returns, bucket=bucket)
    for own, versions, then, number in turns:
        mine = list(own)
        labels = {each: said(each, version) for each, version in versions.items()}
        ran = epoch.run(mine, labels)
        check(ran.ours, mine, labels, SIZE)
        if ran.theirs is not None:
            check(ran.theirs, list(labels), {each: said(each)[:BACK] for each in mine}, BACK)
        if then == "shorten":
            epoch.shorten()
        elif then:
            epoch.erase(number, at_sender=then == "erase theirs")
