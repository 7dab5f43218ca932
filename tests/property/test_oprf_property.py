"""`oprf` against sets in the clear, and its coded tags against any list."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oprf_lanes import carry, lanes

psi_native = pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

NUMBERS = st.lists(st.integers(0, 60), min_size=1, max_size=40, unique=True)


@settings(max_examples=40, deadline=None)
@given(NUMBERS, NUMBERS, st.booleans())
def test_positions_are_those_of_the_intersection(own: list[int], peer: list[int], both: bool) -> None:
    outcome, returned = carry(*lanes(own, peer, returns=both).machines())
    assert outcome.positions == tuple(place for place, number in enumerate(own) if number in peer)
    if returned is not None:
        assert returned.positions == tuple(place for place, number in enumerate(peer) if number in own)


@given(st.integers(1, 120), st.data())
def test_tag_lists_come_out_as_they_went_in(bits: int, data: st.DataObject) -> None:
    width = -(-bits // 8)
    tags = sorted(data.draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=50)))
    packed = b"".join(tag.to_bytes(width, "big") for tag in tags)
    code = psi_native.oprf_encode_tags(packed, b"", bits, len(tags))
    assert psi_native.oprf_decode_tags(code, b"", bits, len(tags), len(tags)) == packed


@given(st.binary(max_size=60), st.integers(0, 8), st.integers(1, 120))
def test_any_bytes_are_refused_or_are_the_one_code(code: bytes, count: int, bits: int) -> None:
    try:
        tags = psi_native.oprf_decode_tags(code, b"", bits, count, count)
    except ValueError:
        return
    assert psi_native.oprf_encode_tags(tags, b"", bits, count) == code
