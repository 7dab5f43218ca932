"""The registry, and what an engine checks before it makes a machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from psi_core.engines.interface import LaneContext
from psi_core.engines.registry import engines
from psi_core.errors import EngineFault

ITEMS = tuple(bytes([number]) * 32 for number in range(1, 7))
LANE = LaneContext("email", ITEMS, 9, {"buckets": 1, "bucket_size": 9}, "items")


class NoWorker:
    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        raise AssertionError("nothing may reach a child")


def test_openmined_is_registered_under_its_name_with_its_security() -> None:
    engine = engines()["openmined"]
    assert (engine.name, engine.variant) == ("openmined", "semi-honest")
    assert engine.security.startswith("semi-honest")


def test_nobody_can_add_to_the_registry() -> None:
    with pytest.raises(TypeError):
        engines()["other"] = engines()["openmined"]  # type: ignore[index]  # that it is refused is the point


def test_what_is_debited_is_every_slot() -> None:
    engine = engines()["openmined"]
    parameters = engine.parameters(5000, 64, "items")
    assert parameters == {"buckets": 2, "bucket_size": 2752}
    assert engine.evaluations(parameters, 64) == 5504
    assert engine.evaluations(engine.parameters(5000, 64, "count"), 64) == 5000


@pytest.mark.parametrize("role", ["receiver", "sender"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"items": (*ITEMS[:5], ITEMS[0])}, "not distinct"),
        ({"items": (*ITEMS[:5], b"short")}, "not 32 bytes"),
        ({"items": ITEMS * 2}, "not distinct"),
        ({"items": (), "peer_size": 0}, "at least one item"),
        ({"peer_size": 10}, "parameters"),
        ({"parameters": {"buckets": 2, "bucket_size": 9}}, "parameters"),
        ({"parameters": {"buckets": 1, "bucket_size": 8}}, "parameters"),
        ({"parameters": {}}, "parameters"),
    ],
)
def test_a_lane_that_is_not_as_promised_gets_no_machine(
    role: str, change: dict[str, object], words: str
) -> None:
    engine = engines()["openmined"]
    make = engine.receiver if role == "receiver" else engine.sender
    assert make(LANE, NoWorker()) is not None
    with pytest.raises(EngineFault, match=words):
        make(replace(LANE, **change), NoWorker())  # type: ignore[arg-type]  # the fields are right, values are not


def test_a_lane_does_not_show_its_items() -> None:
    assert "x01" not in repr(LANE)
