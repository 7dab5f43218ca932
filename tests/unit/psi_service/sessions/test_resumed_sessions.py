"""Sessions of `oprf` that break off go on: once offered, once debited, nothing evaluated twice, the same result."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from psi_core import native_core
from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from tests.broken_sessions import (
    CHUNKS,
    KEYS,
    OWN_CHUNKS,
    SHARED,
    back,
    count_native,
    cut_at,
    kept_files,
    long_lists,
    match,
    settled_down,
    small_chunks,
    spent,
    stop,
)
from tests.two_labs import LAB_B, Lab

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

DIRECTIONS = ("initiator", "responder", "both")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    small_chunks(monkeypatch)
    return count_native(monkeypatch)


def check_matched(a: Lab, b: Lab, direction: str) -> None:
    assert a.matched() == (SHARED if direction != "responder" else {})
    assert b.matched() == (SHARED if direction != "initiator" else {})


def check_like_a_slow_one(a: Lab, b: Lab, direction: str) -> None:
    """Both logs are those of one session that was never broken."""
    lanes = 2 * len(KEYS) if direction == "both" else len(KEYS)
    assert spent(a)[:2] == spent(b)[:2] == (1, 1)
    assert spent(a)[2] + spent(b)[2] == lanes
    for lab in (a, b):
        (row,) = lab.table("sessions")
        assert (row["state"], row["counter"]) == ("complete", 1)
        assert not lab.entries(EntryKind.ABORT)
        assert not lab.table("resumptions")
        assert not kept_files(lab)
    records = [Note.parse(lab.table("sessions")[0]["record"]).text for lab in (a, b)]
    assert records[0] == records[1]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("frame", [1, 9, CHUNKS - 1])
async def test_a_session_that_was_cut_off_goes_on_with_the_next_wishes(
    tmp_path: Path, counted: Counter[str], frame: int, side: str, direction: str
) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(a if side == "a" else b, frame)
    broken = await match(a, b, terms, direction)
    assert broken.state == "suspended", broken.reason
    assert broken.suspended is not None
    assert broken.resume_until is not None
    assert broken.done_percent is not None
    before = spent(a), spent(b)
    whole = await match(a, b, terms, direction)
    assert whole.session_id == broken.session_id
    assert whole.state == "complete", whole.reason
    assert whole.resumed_at == broken.done_percent
    assert (spent(a), spent(b)) == before
    check_like_a_slow_one(a, b, direction)
    check_matched(a, b, direction)
    # What a machine was at when the line broke may have been thrown away: one chunk of each kind at most.
    assert CHUNKS <= counted["oprf_answer"] <= CHUNKS + 1
    assert OWN_CHUNKS <= counted["oprf_evaluate"] <= OWN_CHUNKS + 1
    await stop(a, b)


async def test_a_cut_line_is_dialled_again_at_once(tmp_path: Path, counted: Counter[str]) -> None:
    a, b, terms = await long_lists(tmp_path, redial_seconds=(0.0, 0.0))
    cut_at(a, 6)
    view = await match(a, b, terms)
    assert view.state == "complete", view.reason
    check_like_a_slow_one(a, b, "both")
    check_matched(a, b, "both")
    await stop(a, b)


@pytest.mark.parametrize("direction", ["initiator", "responder"])
@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("frame", [2, CHUNKS - 1])
async def test_a_node_that_crashed_goes_on_when_it_is_back(
    tmp_path: Path, counted: Counter[str], frame: int, side: str, direction: str
) -> None:
    a, b, terms = await long_lists(tmp_path)
    victim, peer = (a, b) if side == "a" else (b, a)
    crashed = asyncio.Event()

    def dies() -> None:
        crashed.set()
        victim.down = True
        victim.store._closed = True  # type: ignore[attr-defined] # as after a SIGKILL

    cut_at(victim, frame, dies)
    session_id = await a.sessions.start(
        LAB_B, agreement=terms.hash().hex(), direction=direction, match_keys=KEYS, engine="oprf"
    )
    await asyncio.wait_for(crashed.wait(), 20)
    await settled_down(a, b)
    await back(victim, peer.name)
    assert {row["state"] for lab in (a, b) for row in lab.table("sessions")} == {"open"}
    whole = await match(a, b, terms, direction)
    assert (whole.session_id, whole.state) == (session_id, "complete"), whole.reason
    check_like_a_slow_one(a, b, direction)
    check_matched(a, b, direction)
    assert counted["oprf_answer"] <= CHUNKS + 1
    await stop(a, b)


@pytest.mark.parametrize("side", ["a", "b"])
async def test_a_node_that_is_stopped_goes_on_when_it_is_back(
    tmp_path: Path, counted: Counter[str], side: str
) -> None:
    a, b, terms = await long_lists(tmp_path)
    victim, peer = (a, b) if side == "a" else (b, a)
    reached = asyncio.Event()
    cut_at(victim, 1_000)
    plain = victim.tamper

    def tamper(frame):
        if frame.WhichOneof("body") == "engine" and frame.engine.lane == 1:
            reached.set()
        return plain(frame)

    victim.tamper = tamper
    session_id = await a.sessions.start(
        LAB_B, agreement=terms.hash().hex(), direction="both", match_keys=KEYS, engine="oprf"
    )
    await asyncio.wait_for(reached.wait(), 20)
    await victim.stop()
    for event in victim.gone:
        event.set()
    await settled_down(a, b)
    victim.tamper = None
    await back(victim, peer.name)
    whole = await match(a, b, terms)
    assert (whole.session_id, whole.state) == (session_id, "complete"), whole.reason
    check_like_a_slow_one(a, b, "both")
    await stop(a, b)


async def test_a_session_may_break_off_often_and_what_is_imported_meanwhile_waits(
    tmp_path: Path, counted: Counter[str]
) -> None:
    a, b, terms = await long_lists(tmp_path)
    ids = set()
    for frame, lab in ((3, a), (3, b), (4, a), (2, b)):
        cut_at(lab, frame)
        view = await match(a, b, terms)
        ids.add(view.session_id)
        assert view.state == "suspended", view.reason
        a.suspects({f"new{frame}{lab.name[4]}": {"email": [f"x{150 + frame}@x.org"]}})
    view = await match(a, b, terms)
    assert view.state == "complete", view.reason
    assert ids == {view.session_id}
    check_like_a_slow_one(a, b, "both")
    check_matched(a, b, "both")
    assert counted["oprf_answer"] <= CHUNKS + 4
    await stop(a, b)


async def test_the_next_run_builds_on_what_a_resumed_one_left(tmp_path: Path, counted: Counter[str]) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(a, 6)
    await match(a, b, terms)
    assert (await match(a, b, terms)).state == "complete"
    a.suspects({"new": {"email": ["x150@x.org"]}})
    view = await match(a, b, terms)
    assert view.state == "complete", view.reason
    assert [lane.run and lane.run.split(":")[0] for lane in view.lanes] == ["on generation 1"] * 2
    assert a.matched() == SHARED | {"new": {"email"}}
    await stop(a, b)


async def test_a_session_past_its_barrier_is_settled_as_ever(tmp_path: Path, counted: Counter[str]) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(b, CHUNKS + 1)
    view = await match(a, b, terms, "initiator")
    assert view.state == "aborted"
    assert view.late
    assert not kept_files(a)
    assert not kept_files(b)
    after = await match(a, b, terms, "initiator")
    assert after.state == "complete", after.reason
    assert after.session_id != view.session_id
    await stop(a, b)


async def test_one_side_may_be_past_its_barrier_and_the_other_not(
    tmp_path: Path, counted: Counter[str]
) -> None:
    a, b, terms = await long_lists(tmp_path)
    # The last answer is lost, and with it b's pre-record, which is in its log.
    cut_at(b, CHUNKS)
    assert (await match(a, b, terms)).state == "suspended"
    assert [row["late"] for row in b.table("sessions")] == [1]
    told = await match(a, b, terms)
    assert told.state == "aborted"
    assert "lab-b.example ended the session" in (told.reason or "")
    assert "peer_note" in a.entries(EntryKind.ABORT)[0].body
    assert (await match(a, b, terms)).state == "complete"
    await stop(a, b)


async def test_other_engines_start_again(tmp_path: Path, counted: Counter[str]) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(a, 1)
    assert (await match(a, b, terms, engine="openmined")).state == "aborted"
    assert not kept_files(a)
    await stop(a, b)


async def test_an_incremental_run_is_begun_again(tmp_path: Path, counted: Counter[str]) -> None:
    a, b, terms = await long_lists(tmp_path)
    assert (await match(a, b, terms)).state == "complete"
    cut_at(a, 2)
    view = await match(a, b, terms)
    assert view.state == "aborted", view.reason
    assert (await match(a, b, terms)).state == "complete"
    await stop(a, b)


async def test_places_are_waited_for(tmp_path: Path, counted: Counter[str]) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(a, 6)
    await match(a, b, terms)
    free, b.running._free = b.running._free, asyncio.Semaphore(0)  # type: ignore[attr-defined]
    assert (await match(a, b, terms)).state == "suspended"
    b.running._free = free  # type: ignore[attr-defined]
    assert (await match(a, b, terms)).state == "complete"
    await stop(a, b)


async def test_wishes_that_come_while_it_runs_are_answered_with_the_same_session(
    tmp_path: Path, counted: Counter[str]
) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(a, 6)
    await match(a, b, terms)
    asked = {"agreement": terms.hash().hex(), "direction": "both", "match_keys": KEYS}
    ids = [await a.sessions.start(LAB_B, **asked) for _ in range(3)]
    assert len(set(ids)) == 1
    assert (await a.sessions.wait(ids[0])).state == "complete"
    await stop(a, b)
