"""Every engine finds the same: the intersection, whatever the sizes and the overlap."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi_core import native_core
from psi_core.engines.vole.engine import FEWEST_ITEMS, Vole
from psi_core.engines.vole.lane import CONTEXT_BYTES, ELEMENT_BYTES, VoleLane
from tests.oprf_lanes import carry, items, lanes
from tests.property.test_openmined_property import run as run_openmined

pytestmark = pytest.mark.skipif(not native_core.available(), reason="needs the native core")

VARIANTS = (Vole(), Vole(semi_honest=True))


def padded(numbers: Iterable[int], side: str) -> list[bytes]:
    """As a lane has them: with dummies that the other side cannot have, up to the fewest of `vole`."""
    found = items(numbers)
    spare = range(max(0, FEWEST_ITEMS - len(found)))
    found += [hashlib.sha256(f"dummy of {side} {n}".encode()).digest() for n in spare]
    return [item[:ELEMENT_BYTES] for item in found]


def run_vole(engine: Vole, own: list[bytes], peer: list[bytes]) -> list[int]:
    parameters = engine.parameters(len(own), len(peer), "items")
    context = bytes(CONTEXT_BYTES)
    receiver = engine.receiver(VoleLane("email", own, len(peer), parameters, "items", context=context))
    sender = engine.sender(VoleLane("email", peer, len(own), parameters, "items", context=context))
    assert not list(receiver.start())
    frames = list(sender.start())
    while frames:
        answers = [answer for frame in frames for answer in receiver.receive(frame)]
        frames = [frame for answer in answers for frame in sender.receive(answer)]
    for frame in sender.complete():
        assert not list(receiver.receive(frame))
    outcome = receiver.result()
    assert outcome.count == len(outcome.positions or ())
    return list(outcome.positions or ())


@st.composite
def numbered_sets(draw: st.DrawFn, most: int) -> tuple[list[int], list[int]]:
    own, peer = draw(st.integers(0, most)), draw(st.integers(0, most))
    overlap = draw(st.sampled_from([0, min(1, own, peer), min(own, peer)]))
    first = own - overlap
    return list(range(own)), list(range(first, first + peer))


@settings(max_examples=15, deadline=None)
@given(numbered_sets(3000))
def test_both_variants_of_vole_find_the_intersection(sets: tuple[list[int], list[int]]) -> None:
    own, peer = sets
    common = set(peer)
    expected = [place for place, number in enumerate(own) if number in common]
    for engine in VARIANTS:
        assert run_vole(engine, padded(own, "a"), padded(peer, "b")) == expected


@settings(max_examples=6, deadline=None)
@given(numbered_sets(120).filter(all))
def test_vole_oprf_and_openmined_find_the_same(sets: tuple[list[int], list[int]]) -> None:
    own, peer = sets
    outcome, _ = carry(*lanes(own, peer).machines())
    found = list(outcome.positions or ())
    for engine in VARIANTS:
        assert run_vole(engine, padded(own, "a"), padded(peer, "b")) == found
    assert list(run_openmined(own, peer, 1, "items").positions or ()) == found
