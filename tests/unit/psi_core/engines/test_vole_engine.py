"""What a lane of `vole` costs, and which lanes get no machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from psi_core import native_core
from psi_core.engines.interface import LaneContext
from psi_core.engines.vole.engine import Vole
from psi_core.engines.vole.lane import VoleLane, run_context
from psi_core.engines.vole.slots import slots
from psi_core.errors import EngineFault

ENGINE = Vole()
ITEMS = [number.to_bytes(16, "big") for number in range(1024)]
LANE = VoleLane(
    "email",
    ITEMS,
    2048,
    ENGINE.parameters(1024, 2048, "items"),
    "items",
    context=run_context(b"c" * 32, 0, 0),
)
needs_native = pytest.mark.skipif(not native_core.available(), reason="the native core is not installed")


@pytest.mark.parametrize(
    ("log", "rate"), [(14, 1.268), (16, 1.332), (18, 1.345), (20, 1.352), (22, 1.358), (24, 1.363)]
)
def test_stores_are_as_long_as_the_curve_says(log: int, rate: float) -> None:
    assert abs(slots(1 << log) / (1 << log) - rate) < 1e-3


@needs_native
@given(st.integers(0, 1 << 26))
@example(0)
@example(63)
@example(64)
@example((1 << 15) - 1)
@example(1 << 15)
@example(1 << 26)
def test_both_cores_compute_one_length(items: int) -> None:
    assert slots(items) == native_core.native.vole_slots(items)


def test_parameters_are_the_same_from_both_sides_and_debit_what_the_peer_can_test() -> None:
    ours = ENGINE.parameters(1024, 1 << 20, "items")
    assert ours == ENGINE.parameters(1 << 20, 1024, "items")
    assert ours == {"slots_smaller": slots(1024), "slots_larger": slots(1 << 20)}
    assert ENGINE.evaluations(ours, 1 << 20) == slots(1 << 20) == 1_418_176
    assert ENGINE.evaluations(ours, 1024) == slots(1024) < 1500
    assert ENGINE.key_parameters(None) == {}


def test_variants_say_against_whom_they_hold() -> None:
    assert (ENGINE.variant, ENGINE.security) == ("malicious", "malicious")
    assert Vole(semi_honest=True).variant == "semi-honest"
    assert not ENGINE.one_run_for_both


def test_a_count_alone_is_refused_with_the_reason() -> None:
    with pytest.raises(EngineFault, match="compares tags itself"):
        ENGINE.parameters(1024, 1024, "count")


@pytest.mark.parametrize("sizes", [(1023, 1024), (1024, 0), (1024, (1 << 26) + 1)])
def test_sizes_outside_the_engine_are_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(EngineFault, match="padding"):
        ENGINE.parameters(*sizes, "items")


@needs_native
@pytest.mark.parametrize("role", ["receiver", "sender"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"items": [*ITEMS[:-1], b"short"]}, "not 16 bytes"),
        ({"context": b"short"}, "not 32 bytes"),
        ({"items": ITEMS[:-1]}, "padding"),
        ({"peer_size": 2049}, "parameters"),
        ({"parameters": {}}, "parameters"),
        ({"reveal": "count"}, "count"),
    ],
)
def test_a_lane_that_is_not_as_promised_gets_no_machine(
    role: str, change: dict[str, object], words: str
) -> None:
    make = ENGINE.receiver if role == "receiver" else ENGINE.sender
    assert make(LANE) is not None
    with pytest.raises(EngineFault, match=words):
        make(replace(LANE, **change))  # type: ignore[arg-type]  # the fields are right, values are not


def test_a_lane_of_another_engine_gets_no_machine() -> None:
    plain = LaneContext("email", ITEMS, 2048, dict(LANE.parameters), "items")
    with pytest.raises(EngineFault):
        ENGINE.receiver(plain)


def test_without_the_native_core_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_core, "native", None)
    with pytest.raises(EngineFault, match="native core"):
        ENGINE.sender(LANE)
