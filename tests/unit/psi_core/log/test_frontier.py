"""The edge of a growing tree gives the same roots as the whole of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core.errors import InvalidProof
from psi_core.log.frontier import Frontier
from psi_core.log.tree import leaf_hash, root_of

LEAVES = [leaf_hash(b"%d" % number) for number in range(300)]


@given(st.integers(0, 300), st.integers(0, 300))
def test_any_two_steps_lead_to_the_root_of_the_whole(one: int, two: int) -> None:
    first, last = sorted((one, two))
    edge = Frontier()
    edge.append(LEAVES[:first])
    assert edge.root() == root_of(LEAVES[:first])
    again = Frontier(edge.size, edge.hashes)
    again.append(LEAVES[first:last])
    assert (again.size, again.root()) == (last, root_of(LEAVES[:last]))


@pytest.mark.parametrize(
    ("size", "hashes"), [(1, b""), (0, bytes(32)), (3, bytes(32)), (1, bytes(31)), (-1, b"")]
)
def test_hashes_that_do_not_fit_the_size(size: int, hashes: bytes) -> None:
    with pytest.raises(InvalidProof):
        Frontier(size, hashes)


def test_a_leaf_that_is_no_hash() -> None:
    with pytest.raises(InvalidProof):
        Frontier().append([b"entry"])
