"""One lab's clock is set back, within what the other allows and beyond it, and over the edge of a budget period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.both_books import check_books
from psi_core.errors import Refused
from psi_service.clock import instant, system_clock
from psi_service.store.database import Store
from tests.shared_list import match, match_to_the_end, prepare
from tests.two_nodes import LABS, Place, places

SINCE_THE_EDGE = timedelta(minutes=20)
PERIOD_SECONDS = 3600


class WrongClock:
    """The system's clock, so much off."""

    def __init__(self) -> None:
        self.off = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.off


async def test_a_clock_that_is_set_back_costs_sessions_and_never_a_second_budget(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    clocks = {"a": WrongClock(), "b": WrongClock()}
    edge = datetime.now(UTC) - SINCE_THE_EDGE
    terms = {
        "valid_from": instant(edge - timedelta(days=3)),
        "period_start": instant(edge - timedelta(days=3)),
        "period_seconds": PERIOD_SECONDS,
    }
    async with a.running(clocks["a"]), b.running(clocks["b"]):
        await prepare(a, b, **terms)
        for name, rule in (("a", "expired: the offer was good until"), ("b", "rule period")):
            clocks[name].off = -SINCE_THE_EDGE - timedelta(minutes=10)
            view = await match(a)
            assert (view["state"], rule in view["reason"]) == ("refused", True), view["reason"]
            clocks[name].off = timedelta()
            await match_to_the_end(a)
        # A little is allowed between the labs, and no lab's books go back: it waits until its clock has caught up.
        clocks["a"].off = timedelta(minutes=-4)
        with pytest.raises(Refused, match="minimum_interval"):
            await match(a)
        clocks["a"].off, clocks["b"].off = timedelta(), timedelta(minutes=-4)
        assert "minimum_interval" in (await match(a))["reason"]
        await match_to_the_end(b, peer=LABS[0])
        clocks["b"].off = timedelta()
        await match_to_the_end(a)
    for place in (a, b):
        assert await debits(place) == [(72, 4)], "the refused sessions debited an earlier period"
    (tmp_path / "audited").mkdir()
    held = await check_books(tmp_path / "audited", a.data_dir, b.data_dir)
    assert held == {"complete": 4, "refused": 3}


async def debits(place: Place) -> list[tuple[int, int]]:
    """Periods, and in each how many sessions were debited."""
    with Store.open(place.data_dir, system_clock) as store:
        return store.query_now(
            lambda db: db.execute(
                "SELECT period, count(DISTINCT session_id) FROM debits GROUP BY period"
            ).fetchall()
        )
