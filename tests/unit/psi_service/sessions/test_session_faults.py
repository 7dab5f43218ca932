"""Broken sessions: cut at every step, crashed, tampered with. No half result, debits stay, the next session works."""

import asyncio

import pytest

from psi_core.errors import Refused, StoreError
from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from psi_core.session.closing import Record
from psi_core.wire.session_pb2 import EngineFrame, Result, SessionFrame
from psi_service.sessions.closing_books import ClosingBooks
from psi_service.sessions.progress import Phase
from psi_service.sessions.surroundings import Limits
from tests.two_labs import LAB_A, LAB_B, Lab, agreement_between, run, two_labs

SHARED = {"email": ["both@x.org"]}
FINAL = {"complete", "aborted", "refused"}


async def prepared(tmp_path, **changes):
    a, b, terms = await two_labs(tmp_path, agreement_between(late_abort_limit=50, **changes))
    a.suspects({"a-1": SHARED, "a-2": {"email": ["a@x.org"]}})
    b.suspects({"b-1": SHARED, "b-2": {"email": ["b@x.org"]}})
    return a, b, terms


def states(lab: Lab) -> list[str]:
    return [row["state"] for row in lab.table("sessions")]


async def check_consistent(a: Lab, b: Lab) -> None:
    """Whatever was complete on one side is complete on the other, with one text and both signatures."""
    mine = {row["session_id"]: row for row in a.table("sessions")}
    theirs = {row["session_id"]: row for row in b.table("sessions")}
    for session_id in mine.keys() & theirs.keys():
        left, right = mine[session_id], theirs[session_id]
        assert left["state"] == right["state"], (left["reason"], right["reason"])
        if left["state"] == "complete":
            assert Note.parse(left["record"]).text == Note.parse(right["record"]).text
            for row in (left, right):
                Record.open(row["record"], a.card.document_verifier, b.card.document_verifier)
        else:
            held = [*a.table("session_matches"), *b.table("session_matches")]
            assert session_id not in {match["session_id"] for match in held}


PHASES = [phase for phase in Phase if phase not in (Phase.SETTLING, Phase.FREEZING, Phase.DONE)]


@pytest.mark.parametrize("direction", ["initiator", "responder", "both"])
@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_connection_cut_at_any_step_leaves_nothing_half_done(tmp_path, phase, side, direction):
    a, b, terms = await prepared(tmp_path)
    (a if side == "a" else b).cut_at = phase
    await run(a, b, terms, direction=direction, match_keys=["email"])
    await asyncio.sleep(0.05)
    debits = len(a.table("debits")) + len(b.table("debits"))
    view = await run(a, b, terms, direction=direction, match_keys=["email"])
    assert view.state == "complete", view.reason
    assert set(states(a)) | set(states(b)) <= FINAL
    await check_consistent(a, b)
    assert len(a.table("debits")) + len(b.table("debits")) == debits + (2 if direction == "both" else 1)
    expected = {"initiator": (True, False), "responder": (False, True), "both": (True, True)}[direction]
    assert (bool(a.matched()), bool(b.matched())) == expected
    await a.stop()
    await b.stop()


@pytest.mark.parametrize("direction", ["initiator", "responder", "both"])
@pytest.mark.parametrize("phase", [Phase.BEGUN, Phase.BARRIER, Phase.COMPUTED, Phase.RESULTS, Phase.SIGNED])
@pytest.mark.parametrize("side", ["a", "b"])
async def test_a_node_that_crashes_and_comes_back_settles(tmp_path, phase, side, direction):
    a, b, terms = await prepared(tmp_path)
    victim = a if side == "a" else b
    started = asyncio.Event()

    def watch(session_id: str, reached: Phase) -> None:
        if reached is phase and not started.is_set():
            started.set()
            victim.down = True
            victim.store._closed = True  # nothing more reaches the disk, as after a SIGKILL
            for event in victim.gone:
                event.set()

    victim.incoming._watch = victim.sessions._watch = watch
    session_id = await a.sessions.start(LAB_B, agreement=terms.hash().hex(), direction=direction)
    await asyncio.wait_for(started.wait(), 20)
    await a.running.wait(session_id)
    await asyncio.sleep(0.1)
    await victim.store.close()
    await victim.up()
    await victim.sessions.settle_all([LAB_B if victim is a else LAB_A])
    view = await run(a, b, terms, direction=direction)
    assert view.state == "complete", view.reason
    await check_consistent(a, b)
    await a.stop()
    await b.stop()


async def test_a_store_that_fails_is_told_without_its_files(tmp_path, monkeypatch):
    a, b, terms = await prepared(tmp_path)

    async def failing(*_, **__):
        raise StoreError(f"the file {tmp_path}/generations/1f cannot be read")

    monkeypatch.setattr(ClosingBooks, "peer_pre_record", failing)
    await run(a, b, terms, direction="initiator", match_keys=["email"])
    assert states(a) == states(b) == ["aborted"]
    for row in (*a.table("sessions"), *b.table("sessions")):
        assert "store failed" in row["reason"]
        assert str(tmp_path) not in row["reason"]
        assert str(tmp_path).encode() not in row["abort"]
    await a.stop()
    await b.stop()


async def test_stopping_a_node_aborts_open_sessions_and_tells_the_peer(tmp_path):
    a, b, terms = await prepared(tmp_path)
    reached = asyncio.Event()
    plain = b.engines["openmined"]

    class Slow(type(plain)):
        def sender(self, lane, worker):
            machine = super().sender(lane, worker)
            start = machine.start

            def slow():
                loop.call_soon_threadsafe(reached.set)
                asyncio.run(asyncio.sleep(0.5))
                yield from start()

            machine.start = slow
            return machine

    loop = asyncio.get_running_loop()
    b.engines["openmined"] = Slow()
    session_id = await a.sessions.start(
        LAB_B, agreement=terms.hash().hex(), direction="initiator", engine="openmined"
    )
    await asyncio.wait_for(reached.wait(), 20)
    await b.running.stop()
    view = await a.sessions.wait(session_id)
    assert states(a) == states(b) == ["aborted"]
    assert "stopping" in view.reason
    assert len(b.entries(EntryKind.ABORT)) == len(a.entries(EntryKind.ABORT)) == 1
    assert "peer_note" in a.entries(EntryKind.ABORT)[0].body
    with pytest.raises(Exception, match="stopping"):
        await b.sessions.start(LAB_A, agreement=terms.hash().hex(), direction="initiator")
    await a.stop()
    await b.stop()


def on(name, change):
    """A tamperer that changes the first frame of one kind."""
    done = []

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") != name or done:
            return [frame]
        done.append(True)
        return change(frame)

    return tamper


def flipped(frame: SessionFrame) -> list[SessionFrame]:
    name = frame.WhichOneof("body")
    body = bytearray(getattr(frame, name))
    body[len(body) // 2] ^= 1
    return [SessionFrame(**{name: bytes(body)})]


def engine(**changes):
    def change(frame: SessionFrame) -> list[SessionFrame]:
        values = {"lane": frame.engine.lane, "run": frame.engine.run, "payload": frame.engine.payload}
        return [SessionFrame(engine=EngineFrame(**(values | changes)))]

    return change


TAMPERED = {
    "offer flipped": ("a", on("offer", flipped)),
    "accept flipped": ("b", on("accept", flipped)),
    "pre-record flipped": ("a", on("pre_record", flipped)),
    "record flipped": ("a", on("record", flipped)),
    "countersigned flipped": ("b", on("record", flipped)),
    "frame twice": ("a", on("engine", lambda frame: [frame, frame])),
    "offer twice": ("a", on("offer", lambda frame: [frame, frame])),
    "empty frame": ("a", on("begin", lambda frame: [SessionFrame()])),
    "unknown lane": ("a", on("engine", engine(lane=9))),
    "unknown run": ("b", on("engine", engine(run=1, lane=5))),
    "payload changed": ("b", on("engine", engine(payload=b"other"))),
    "oversized payload": ("a", on("engine", engine(payload=bytes((1 << 20) + 1)))),
    "begin with another ctx": (
        "a",
        on("begin", lambda frame: [SessionFrame(begin={"session_id": "0" * 32, "ctx": b"x"})]),
    ),
    "result of another form": ("a", on("result", lambda frame: [SessionFrame(result=Result(lanes=["x"]))])),
    "result too large": ("a", on("result", lambda frame: [SessionFrame(result=Result(lanes=["99999"]))])),
    "too many results": ("a", on("result", lambda frame: [SessionFrame(result=Result(lanes=["1", "1"]))])),
    "record out of order": ("a", on("engine", lambda frame: [SessionFrame(record=b"x")])),
}


@pytest.mark.parametrize("lie", TAMPERED)
async def test_a_malformed_oversized_or_repeated_frame_ends_the_session(tmp_path, lie):
    a, b, terms = await prepared(tmp_path)
    side, tamper = TAMPERED[lie]
    (a if side == "a" else b).tamper = tamper
    try:
        view = await run(a, b, terms, match_keys=["email"])
        # A first signer whose answer is damaged cannot know whether the peer signed: Settle tells. Nothing is shown.
        assert view.state == ("pending" if lie == "countersigned flipped" else "aborted"), lie
        assert a.matched() == {}
    finally:
        a.tamper = b.tamper = None
    await asyncio.sleep(0.05)
    view = await run(a, b, terms, match_keys=["email"])
    if lie == "offer flipped":
        # The counter of an Offer that was lost is spent: the responder proves the gap, and the next one goes through.
        assert (view.state, "counter" in view.reason) == ("refused", True)
        assert [each.body["got"] for each in (*a.entries(EntryKind.GAP), *b.entries(EntryKind.GAP))] == [2, 2]
        view = await run(a, b, terms, match_keys=["email"])
    assert view.state == "complete", view.reason
    assert states(a)[0] == ("complete" if lie == "countersigned flipped" else "aborted")
    await check_consistent(a, b)
    await a.stop()
    await b.stop()


async def test_a_completing_frame_that_changes_on_the_way_ends_in_no_record(tmp_path):
    a, b, terms = await prepared(tmp_path)
    seen = []

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") == "engine" and len(frame.engine.payload) > 32:
            seen.append(True)
            payload = bytearray(frame.engine.payload)
            payload[0] ^= 1
            return [SessionFrame(engine=EngineFrame(lane=0, run=0, payload=bytes(payload)))]
        return [frame]

    b.tamper = tamper
    view = await run(a, b, terms, direction="initiator", match_keys=["email"])
    assert seen
    assert view.state == "aborted"
    assert "differs" in view.reason or "ended the session" in view.reason
    assert a.matched() == {}
    await a.stop()
    await b.stop()


async def test_a_silent_peer_is_given_up(tmp_path):
    a, b, terms = await prepared(tmp_path)
    object.__setattr__(a.limits, "idle_seconds", 0.3)
    b.tamper = on("accept", lambda frame: [])
    await a.stop()
    await a.up()
    view = await run(a, b, terms)
    assert view.state == "aborted"
    assert "within" in view.reason
    await a.stop()
    await b.stop()


async def test_more_sessions_than_places_are_refused_as_concurrent(tmp_path):
    a, b, terms = await two_labs(tmp_path)
    await b.stop()
    b.limits = Limits(concurrent_sessions=0, idle_seconds=20)
    await b.up()
    view = await run(a, b, terms)
    assert (view.state, "concurrent" in view.reason) == ("refused", True)
    assert b.entries(EntryKind.DECISION)[0].body["accepted"] is False
    await a.stop()
    await b.stop()


async def test_a_refusal_by_our_own_policy_spends_nothing(tmp_path):
    a, b, terms = await two_labs(tmp_path, agreement_between(learns=(LAB_A,)))
    session_id = await a.sessions.start(LAB_B, agreement=terms.hash().hex(), direction="both")
    with pytest.raises(Refused, match=f"refused by {LAB_A}: direction"):
        await a.sessions.wait(session_id)
    assert a.entries() == []
    assert a.table("counters") == []
    await a.stop()
    await b.stop()
