"""A peer whose Offers are refused again and again: how much of it is written down, and when it is heard again."""

from datetime import timedelta

import pytest

from psi_core.errors import Refused
from psi_core.log.entry import EntryKind
from psi_service.sessions import patience
from psi_service.sessions.patience import MOST, WINDOW, Patience
from tests.two_labs import LAB_A, LAB_B, START, SetClock, agreement_between, run, two_labs


def test_a_window_ends_an_hour_after_its_first_refusal_whatever_the_clock_does():
    clock = SetClock()
    judge = Patience(clock)
    for _ in range(MOST):
        judge.check(LAB_A)
        judge.refused(LAB_A)
    judge.check(LAB_B)
    for minutes in (0, 59):
        clock.now = START + timedelta(minutes=minutes)
        with pytest.raises(Refused, match="30 offers were refused") as told:
            judge.check(LAB_A)
        assert told.value.rule == "too_many_refusals"
        assert "2026-11-24T10:00:00Z" in told.value.words
    clock.now = START + WINDOW
    judge.check(LAB_A)
    for _ in range(MOST):
        judge.refused(LAB_A)
    clock.now = START - timedelta(days=400)
    judge.check(LAB_A)


async def test_offers_past_the_limit_are_not_written_down_and_the_next_window_accounts_for_them(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(patience, "MOST", 3)
    # lab-b's copy of the terms is revoked, and lab-a does not know it: every Offer is refused there.
    a, b, terms = await two_labs(tmp_path, agreement_between())
    state = "UPDATE agreements SET state = ?"
    b.store.transaction_now(lambda db: db.execute(state, ["revoked"]) and None)
    for _ in range(3):
        assert (await run(a, b, terms, match_keys=["email"])).state == "refused"
    written = len(b.entries())
    for _ in range(4):
        view = await run(a, b, terms, match_keys=["email"])
        assert (view.state, "were refused within an hour" in view.reason) == ("aborted", True)
    assert len(b.entries()) == written
    b.store.transaction_now(lambda db: db.execute(state, ["in_force"]) and None)
    a.clock.forward(hours=1)
    view = await run(a, b, terms, match_keys=["email"])
    assert (view.state, "counter" in view.reason) == ("refused", True)
    assert [(each.body["expected"], each.body["got"]) for each in b.entries(EntryKind.GAP)] == [(4, 8)]
    assert (await run(a, b, terms, match_keys=["email"])).state == "complete"
    await a.stop()
    await b.stop()
