"""Sessions with engine `oprf`: committed keys, epochs, every direction, the same result as the plain engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from psi_core import native_core
from psi_core.agreement.agreement import MatchKeyTerms
from psi_core.engines.oprf import epoch
from psi_core.engines.oprf.key import EpochKey, KeyStatement
from psi_core.errors import InvalidProof, Refused
from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from psi_core.session.closing import Record
from psi_core.session.opening import Accept, Offer
from psi_service.sessions import epoch_keys
from psi_service.sessions.progress import Phase
from tests.two_labs import LAB_A, LAB_B, Lab, agreement_between, run, two_labs

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

OURS = {
    "a-1": {"email": ["both@x.org"], "device_id": ["v:1"]},
    "a-2": {"email": ["only-a@x.org"], "ipv4": ["192.0.2.1"], "user_agent": ["curl"]},
    "a-3": {"ipv4": ["192.0.2.7", "192.0.2.8"], "user_agent": ["bot", "bot 2"]},
}
THEIRS = {
    "b-1": {"email": ["both@x.org", "more@x.org"], "device_id": ["v:2"]},
    "b-3": {"ipv4": ["192.0.2.8"], "user_agent": ["bot"]},
}


async def prepared(tmp_path: Path, **changes) -> tuple[Lab, Lab, object]:
    a, b, terms = await two_labs(tmp_path, agreement_between(late_abort_limit=50, **changes))
    a.suspects(OURS)
    b.suspects(THEIRS)
    return a, b, terms


async def stop(*labs: Lab) -> None:
    for lab in labs:
        await lab.stop()


@pytest.mark.parametrize(
    ("direction", "a_learns", "b_learns"),
    [("both", True, True), ("initiator", True, False), ("responder", False, True)],
)
async def test_each_direction_tells_the_right_labs_the_right_actors(tmp_path, direction, a_learns, b_learns):
    a, b, terms = await prepared(tmp_path)
    view = await run(a, b, terms, direction=direction, engine="oprf")
    assert view.state == "complete", view.reason
    assert a.matched() == ({"a-1": {"email"}, "a-3": {"ip+user_agent"}} if a_learns else {})
    assert b.matched() == ({"b-1": {"email"}, "b-3": {"ip+user_agent"}} if b_learns else {})
    assert (
        Note.parse(a.table("sessions")[0]["record"]).text == Note.parse(b.table("sessions")[0]["record"]).text
    )
    record = Record.unverified(a.table("sessions")[0]["record"])
    assert [lane.security for lane in record.lanes] == ["verifiable-sender"] * 3
    assert all(lane.chunks is not None and lane.chunks.count == 1 for lane in record.lanes)
    await stop(a, b)


async def test_the_sender_commits_its_key_in_its_log_before_the_offer_or_accept_that_shows_it(tmp_path):
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
    kinds = [each.kind for each in b.entries()]
    assert kinds.index(EntryKind.KEY) < kinds.index(EntryKind.OFFER)
    assert EntryKind.KEY not in [each.kind for each in a.entries()]
    row = b.table("sessions")[0]
    assert Offer.unverified(row["offer"]).lanes[0].key is None
    assert Accept.unverified(row["accept"]).lanes[0].key is not None
    assert [each["lab"] for each in a.table("peer_epoch_keys")] == [LAB_B]
    await stop(a, b)


async def test_a_key_serves_an_epoch_and_is_destroyed_when_the_next_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(epoch, "LEAST", 0)
    a, b, terms = await prepared(tmp_path)
    for _ in range(3):
        view = await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
        assert view.state == "complete", view.reason
    rows = b.table("epoch_keys")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["secret"] is None for row in rows] == [True, True, False]
    assert [row["evaluations"] for row in rows] == [64, 64, 64]
    assert [row["epoch"] for row in a.table("peer_epoch_keys")] == [1, 2, 3]
    await stop(a, b)


async def test_both_policies_debit_when_values_are_returned(tmp_path):
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, direction="both", engine="oprf", match_keys=["email"])
    assert [(row["receiver"], row["evaluations"]) for row in a.table("debits")] == [(LAB_B, 128)]
    assert [(row["receiver"], row["evaluations"]) for row in b.table("debits")] == [(LAB_A, 64)]
    await stop(a, b)


async def test_a_second_key_for_one_epoch_is_refused(tmp_path, monkeypatch):
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
    b.store.transaction_now(lambda db: db.execute("DELETE FROM epoch_keys"))
    view = await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
    assert (view.state, "second key" in view.reason) == ("aborted", True)
    assert len(a.table("matches")) == 1
    await stop(a, b)


async def test_a_key_that_is_not_in_the_log_is_refused(tmp_path, monkeypatch):
    a, b, terms = await prepared(tmp_path)
    plain = epoch_keys.evidence

    def elsewhere(entry, index, path):
        return plain(entry, index + 1, path)

    monkeypatch.setattr(epoch_keys, "evidence", elsewhere)
    view = await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
    assert view.state == "aborted"
    assert "key that does not hold" in view.reason
    view = await run(a, b, terms, direction="responder", engine="oprf", match_keys=["email"])
    assert (view.state, "refused by lab-b.example: key:" in view.reason) == ("refused", True)
    await stop(a, b)


async def test_a_sender_that_evaluates_under_another_key_is_caught_before_any_output(tmp_path, monkeypatch):
    a, b, terms = await prepared(tmp_path)
    plain = epoch_keys.EpochKeys.own

    async def other_key(self, *args):
        found = await plain(self, *args)
        return tuple(
            each and epoch_keys.LaneKey(each.statement, Lying.fresh(), each.position) for each in found
        )

    class Lying(EpochKey):
        """Evaluates under a fresh secret and claims the committed public key."""

    monkeypatch.setattr(epoch_keys.EpochKeys, "own", other_key)
    monkeypatch.setattr("psi_core.engines.oprf.lane.OprfLane.check", lambda self: None)
    view = await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
    assert view.state == "aborted"
    assert "answer to chunk 0" in view.reason
    assert a.matched() == {}
    await stop(a, b)


async def test_count_is_refused_with_the_reason(tmp_path):
    a, b, terms = await prepared(tmp_path)
    session_id = await a.sessions.start(
        LAB_B, agreement=terms.hash().hex(), direction="both", reveal="count", engine="oprf"
    )
    with pytest.raises(Refused, match="reveal: count"):
        await a.sessions.wait(session_id)
    await stop(a, b)


PHASES = [Phase.OFFERED, Phase.ACCEPTED, Phase.BARRIER, Phase.COMPLETING, Phase.RESULTS, Phase.SIGNED]


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_cut_session_is_settled_and_the_next_one_runs(tmp_path, phase, side):
    a, b, terms = await prepared(tmp_path)
    (a if side == "a" else b).cut_at = phase
    await run(a, b, terms, direction="both", engine="oprf", match_keys=["email"])
    await asyncio.sleep(0.05)
    view = await run(a, b, terms, direction="both", engine="oprf", match_keys=["email"])
    assert view.state == "complete", view.reason
    mine = {row["session_id"]: row["state"] for row in a.table("sessions")}
    theirs = {row["session_id"]: row["state"] for row in b.table("sessions")}
    assert all(mine[each] == theirs[each] for each in mine.keys() & theirs.keys())
    await stop(a, b)


async def test_a_key_serves_one_full_run_also_when_its_caps_would_allow_a_second(tmp_path):
    a, b, terms = await prepared(tmp_path)
    for lab in (a, b):
        lab.suspects({f"more-{n}": {"email": [f"{lab.name}-{n}@x.org"]} for n in range(600)})
    await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
    for lab in (a, b):
        lab.store.transaction_now(lambda db: db.execute("DELETE FROM indicators WHERE actor > 200"))
        lab.store.transaction_now(lambda db: db.execute("DELETE FROM generations"))
    view = await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
    assert view.state == "complete", view.reason
    rows = b.table("epoch_keys")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert sum(row["tags"] for row in rows) <= rows[0]["tags"] * 15 // 8
    await stop(a, b)


async def test_a_key_of_an_epoch_that_is_over_is_not_taken_again(tmp_path):
    a, b, terms = await prepared(tmp_path)
    for _ in range(2):
        await run(a, b, terms, direction="initiator", engine="oprf", match_keys=["email"])
        a.store.transaction_now(lambda db: db.execute("DELETE FROM generations"))
    first, second = (KeyStatement.from_text(row["statement"]) for row in b.table("epoch_keys"))
    keys = epoch_keys.EpochKeys(a.sessions._desk, a.keys.data_key)
    a.store.transaction_now(lambda db: keys._remember(db, second))
    with pytest.raises(InvalidProof, match="is over"):
        a.store.transaction_now(lambda db: keys._remember(db, first))
    await stop(a, b)


async def test_a_cap_above_what_one_key_may_evaluate_stops_no_session(tmp_path):
    enormous = (MatchKeyTerms(match_key="email", max_size=1 << 40, evaluations_per_period=1 << 41),)
    a, b, terms = await prepared(tmp_path, match_keys=enormous)
    view = await run(a, b, terms, direction="responder", engine="oprf")
    assert view.state == "complete", view.reason
    await stop(a, b)


@pytest.mark.parametrize("waits", [LAB_A, LAB_B])
async def test_keys_are_shown_to_one_session_at_a_time(tmp_path, waits):
    a, b, terms = await prepared(tmp_path)
    # In both orders a sends, and so would draw on the same key.
    first, second, direction = (a, b, "responder") if waits == LAB_A else (b, a, "initiator")
    with a.epoch_keys.turns.taken(terms.hash(), ["email"]):
        asked = {"engine": "oprf", "match_keys": ["email"]}
        if waits == LAB_A:
            with pytest.raises(Refused, match=f"refused by {LAB_A}: concurrent"):
                await run(first, second, terms, direction=direction, **asked)
            assert a.entries() == []
        else:
            view = await run(first, second, terms, direction=direction, **asked)
            assert (view.state, "by lab-a.example: concurrent" in view.reason) == ("refused", True)
        assert a.table("epoch_keys") == []
        other = await run(b, a, terms, direction="responder", **asked)
        assert other.state == "complete", "where the other lab sends, nothing waits"
    view = await run(first, second, terms, direction=direction, **asked)
    assert view.state == "complete", view.reason
    await stop(a, b)


async def test_sessions_of_opposite_order_never_spend_one_key_twice(tmp_path):
    a, b, terms = await prepared(tmp_path)
    asked = {"engine": "oprf", "match_keys": ["email"]}
    for _ in range(4):
        views = await asyncio.gather(
            run(a, b, terms, direction="responder", **asked),
            run(b, a, terms, direction="initiator", **asked),
            return_exceptions=True,
        )
        ends = {each.rule if isinstance(each, Refused) else each.reason or each.state for each in views}
        assert all(each == "complete" or "concurrent" in each for each in ends), ends
        assert "complete" in ends
    await stop(a, b)


async def test_a_key_whose_epoch_has_ended_serves_nobody(tmp_path):
    a, b, terms = await prepared(tmp_path)

    def end(session_id: str, phase: Phase) -> None:
        if phase is Phase.OFFERED:
            ended = "UPDATE epoch_keys SET secret = NULL, ended = 't'"
            a.store.transaction_now(lambda db: db.execute(ended) and None)

    a.sessions._watch = end
    view = await run(a, b, terms, direction="responder", engine="oprf", match_keys=["email"])
    assert (view.state, "epoch 1 of email has ended" in view.reason) == ("refused", True)
    assert b.table("matches") == []
    await stop(a, b)
