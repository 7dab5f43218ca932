"""What keeps a broken session from going on: time, agreement, purges, keys, damage, and peers that ask for too much."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from psi_core import native_core
from psi_core.agreement.agreement import Agreement
from psi_core.errors import NotFound, PeerUnreachable, ProtocolFault, PsiError, SessionAborted
from psi_core.log.entry import EntryKind
from psi_core.session.opening import Accept, Offer, context
from psi_core.wire.peers_pb2 import SettleRequest
from psi_core.wire.session_pb2 import Resume, SessionFrame
from psi_service.consortium.service import ConsortiumKey
from psi_service.sessions import resumptions
from psi_service.sessions.open_resumption import KeptLane
from psi_service.sessions.resumption_file import Kind, ResumptionFile, scan
from tests.broken_sessions import (
    KEYS,
    back,
    cut_at,
    kept_files,
    long_lists,
    match,
    small_chunks,
    spent,
    stop,
)
from tests.two_labs import LAB_A, LAB_B, Lab, run

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


async def broken(tmp_path: Path) -> tuple[Lab, Lab, Agreement, str]:
    """Two labs with one suspended session."""
    a, b, terms = await long_lists(tmp_path)
    cut_at(a, 6)
    view = await match(a, b, terms)
    assert view.state == "suspended", view.reason
    assert [len(kept_files(lab)) for lab in (a, b)] == [1, 1]
    return a, b, terms, view.session_id


def aborted(lab: Lab, session_id: str) -> bool:
    (row,) = [row for row in lab.table("sessions") if row["session_id"] == session_id]
    return (
        row["state"] == "aborted" and not row["late"] and not lab.table("resumptions") and not kept_files(lab)
    )


async def expires(lab: Lab) -> None:
    lab.store.transaction_now(lambda db: db.execute("UPDATE resumptions SET until = '2026-11-24T09:00:00Z'"))


async def is_revoked(lab: Lab) -> None:
    def work(db):
        (agreement,) = db.execute("SELECT hash FROM agreements").fetchone()
        db.execute("UPDATE agreements SET state = 'revoked'")
        resumptions.dropped_under(lab.store, db, agreement)

    lab.store.transaction_now(work)
    assert not kept_files(lab)


async def purges(lab: Lab) -> None:
    lab.store.transaction_now(lambda db: lab.epoch_keys.resumptions.forget(db, "email", [bytes(32)]))
    assert not kept_files(lab)


async def rotates(lab: Lab) -> None:
    lab.consortium = ConsortiumKey("00" * 8, "next", "v1", bytes(32))


async def ends_its_epochs(lab: Lab) -> None:
    lab.store.transaction_now(lambda db: db.execute("UPDATE epoch_keys SET secret = NULL"))


async def is_flipped(lab: Lab) -> None:
    (file,) = kept_files(lab)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


async def is_missing(lab: Lab) -> None:
    kept_files(lab)[0].unlink()


async def is_resumed_too_often(lab: Lab) -> None:
    lab.store.transaction_now(lambda db: db.execute("UPDATE resumptions SET resumed = 64"))


Happens = Callable[[Lab], Awaitable[None]]


@pytest.mark.parametrize(
    "happens",
    [
        expires,
        is_revoked,
        purges,
        rotates,
        ends_its_epochs,
        is_flipped,
        is_missing,
        is_resumed_too_often,
    ],
)
async def test_the_responder_ends_what_may_not_go_on(tmp_path: Path, happens: Happens) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    await happens(b)
    view = await match(a, b, terms)
    assert (view.session_id, view.state, view.late) == (session_id, "aborted", False)
    assert aborted(a, session_id)
    assert aborted(b, session_id)
    assert "peer_note" in a.entries(EntryKind.ABORT)[0].body
    assert spent(a)[:2] == spent(b)[:2] == (1, 1)
    await stop(a, b)


@pytest.mark.parametrize("happens", [expires, purges, rotates, is_flipped, is_missing])
async def test_the_initiator_ends_what_may_not_go_on_and_the_next_session_runs(
    tmp_path: Path, happens: Happens
) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    consortium = a.consortium
    await happens(a)
    after = await match(a, b, terms)
    a.consortium = consortium
    if after.session_id == session_id:
        assert after.state == "aborted"
        after = await match(a, b, terms)
    assert after.state == "complete", after.reason
    assert aborted(a, session_id)
    assert aborted(b, session_id)
    await stop(a, b)


@pytest.mark.parametrize("happens", [expires, purges, is_missing])
async def test_what_lapsed_is_aborted_by_the_next_round_and_at_start(
    tmp_path: Path, happens: Happens
) -> None:
    a, b, _, session_id = await broken(tmp_path)
    await happens(a)
    await a.sessions.abort_lapsed()
    assert aborted(a, session_id)
    await happens(b)
    await b.stop()
    b.down = True
    await back(b)
    assert aborted(b, session_id)
    await stop(a, b)


async def test_a_day_after_its_start_nothing_goes_on(tmp_path: Path) -> None:
    a, b, _, session_id = await broken(tmp_path)
    a.clock.forward(hours=23, minutes=59)
    await a.sessions.abort_lapsed()
    assert (await a.sessions.get(session_id)).state == "suspended"
    a.clock.forward(minutes=1)
    for lab in (a, b):
        await lab.sessions.abort_lapsed()
        assert aborted(lab, session_id)
    await stop(a, b)


async def test_a_torn_record_is_cut_away_and_the_rest_goes_on(tmp_path: Path) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    for lab in (a, b):
        (file,) = kept_files(lab)
        # As a crash tears it: a header and a piece of the body behind it.
        whole = file.read_bytes()
        file.write_bytes(whole + bytes.fromhex("03 0001 00000000 00000840") + bytes(100))
    view = await match(a, b, terms)
    assert (view.session_id, view.state) == (session_id, "complete"), view.reason
    await stop(a, b)


async def test_a_sender_that_lost_answers_ends_the_session(tmp_path: Path) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(b, 9)
    session_id = (await match(a, b, terms)).session_id
    (file,) = kept_files(b)
    answered = [record for record in scan(file) if record.kind is Kind.CHUNK]
    file.write_bytes(file.read_bytes()[: answered[1].offset])
    view = await match(a, b, terms)
    assert view.state == "aborted"
    assert "store failed" in (view.reason or "")
    assert aborted(a, session_id)
    assert aborted(b, session_id)
    await stop(a, b)


async def test_other_bytes_than_before_end_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, terms = await long_lists(tmp_path)
    # The answers to chunks that b answered do not arrive.
    cut_at(b, 3)
    session_id = (await match(a, b, terms)).session_id
    monkeypatch.setattr(KeptLane, "seed", bytes(32))
    view = await match(a, b, terms)
    assert view.state == "aborted"
    assert "other bytes than the ones that were answered before" in (view.reason or "")
    assert aborted(a, session_id)
    assert aborted(b, session_id)
    await stop(a, b)


def resume_of(lab: Lab, suspended: str, **changes: object) -> Resume:
    (row,) = [row for row in lab.table("sessions") if row["session_id"] == suspended]
    offer, accept = Offer.unverified(row["offer"]), Accept.unverified(row["accept"])
    values = {"session_id": suspended, "ctx": context(offer.hash(), accept.hash()), "answered": 0}
    return Resume(**(values | changes))


class OneFrame:
    """A stream whose other end sends one frame, reads what comes, and goes."""

    def __init__(self, frame: SessionFrame) -> None:
        self._frames = [frame]
        self.names: list[str] = []

    async def send(self, frame: SessionFrame) -> None:
        self.names.append(str(frame.WhichOneof("body")))

    async def receive(self) -> SessionFrame:
        if not self._frames:
            raise PeerUnreachable("gone", fault="closed")
        return self._frames.pop()

    async def close(self) -> None:
        """Nothing follows."""

    def cancel(self) -> None:
        """It ends by itself."""


async def asked(lab: Lab, peer: Lab, resume: Resume) -> tuple[PsiError | None, list[str]]:
    """What `peer` makes of this first frame of a stream from `lab`, and the frames that it answers."""
    stream = OneFrame(SessionFrame(resume=resume))
    try:
        await peer.incoming.serve(stream, lab.name)
    except PsiError as fault:
        return fault, stream.names
    return None, stream.names


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"ctx": bytes(32)}, ProtocolFault),
        ({"ctx": b""}, ProtocolFault),
        ({"session_id": "00" * 16}, NotFound),
        ({"session_id": "x"}, ProtocolFault),
    ],
)
async def test_a_resume_of_another_session_or_context_changes_nothing(
    tmp_path: Path, changes: dict[str, object], fault: type[PsiError]
) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    found, names = await asked(a, b, resume_of(a, session_id, **changes))
    assert isinstance(found, fault), found
    assert not names
    assert (await b.sessions.get(session_id)).state == "suspended"
    assert (await match(a, b, terms)).state == "complete"
    await stop(a, b)


async def test_only_the_lab_that_started_a_session_can_take_it_up(tmp_path: Path) -> None:
    a, b, _, session_id = await broken(tmp_path)
    found, names = await asked(b, a, resume_of(a, session_id))
    assert isinstance(found, NotFound)
    assert not names
    assert (await a.sessions.get(session_id)).state == "suspended"
    await stop(a, b)


async def test_more_chunks_than_there_are_end_the_session(tmp_path: Path) -> None:
    a, b, _, session_id = await broken(tmp_path)
    found, names = await asked(a, b, resume_of(a, session_id, answered=1 << 40))
    assert isinstance(found, ProtocolFault)
    assert names == ["abort"]
    assert aborted(b, session_id)
    await stop(a, b)


async def test_the_newest_of_two_streams_goes_on_and_the_older_one_ends(tmp_path: Path) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    # A stream that b holds for open: nobody reads or writes it any more.
    connection = await a._dial(b.name)
    stream = connection.run()
    await stream.send(SessionFrame(resume=resume_of(a, session_id)))
    assert (await stream.receive()).WhichOneof("body") == "resumed"
    assert b.running.is_running(session_id)
    view = await match(a, b, terms)
    assert (view.session_id, view.state) == (session_id, "complete"), view.reason
    assert stream.gone.is_set()
    await connection.close()
    await stop(a, b)


async def test_of_streams_that_come_at_once_none_is_refused(tmp_path: Path) -> None:
    """As from a line that breaks again while the node is still at work on what is left of the one before."""
    a, b, terms, session_id = await broken(tmp_path)
    streams = [OneFrame(SessionFrame(resume=resume_of(a, session_id))) for _ in range(3)]
    ends = await asyncio.gather(
        *(b.incoming.serve(stream, a.name) for stream in streams), return_exceptions=True
    )
    assert [type(each) for each in ends] == [PeerUnreachable] * 3, ends
    assert [stream.names[0] for stream in streams] == ["resumed"] * 3
    view = await match(a, b, terms)
    assert (view.session_id, view.state) == (session_id, "complete"), view.reason
    await stop(a, b)


async def test_other_wishes_give_a_suspended_session_up(tmp_path: Path) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    view = await match(a, b, terms, match_keys=["email"])
    assert view.state == "complete", view.reason
    assert view.session_id != session_id
    assert aborted(a, session_id)
    assert aborted(b, session_id)
    await stop(a, b)


async def test_the_other_order_is_not_kept_waiting(tmp_path: Path) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    view = await run(b, a, terms, direction="both", engine="openmined", match_keys=KEYS)
    assert view.state == "complete", view.reason
    assert (await match(a, b, terms)).session_id == session_id
    await stop(a, b)


async def test_a_person_gives_a_session_up(tmp_path: Path) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    assert (await a.sessions.give_up(session_id)).state == "aborted"
    assert aborted(a, session_id)
    assert aborted(b, session_id)
    with pytest.raises(PsiError, match="is not suspended: it is aborted"):
        await a.sessions.give_up(session_id)
    assert (await match(a, b, terms)).state == "complete"
    await stop(a, b)


async def test_settling_leaves_suspended_sessions_alone(tmp_path: Path) -> None:
    a, b, terms, session_id = await broken(tmp_path)
    await a.sessions.settle(LAB_B)
    await b.sessions.settle(LAB_A)
    for lab in (a, b):
        assert (await lab.sessions.get(session_id)).state == "suspended"
    assert (await match(a, b, terms)).state == "complete"
    await stop(a, b)


async def test_a_disk_that_fills_up_ends_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, terms = await long_lists(tmp_path)
    calls = Counter[str]()

    def full(*_: object) -> None:
        calls["written"] += 1
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("psi_service.sessions.resumption_file.os.fdatasync", full)
    view = await match(a, b, terms)
    assert view.state == "complete", view.reason
    assert calls["written"]
    assert not kept_files(a)
    cut_at(a, 3)
    monkeypatch.undo()
    await stop(a, b)


@pytest.mark.parametrize("direction", ["initiator", "responder", "both"])
async def test_what_a_settle_ended_while_it_was_taken_up_is_served_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(a, 6)
    session_id = (await match(a, b, terms, direction)).session_id
    resumed = b.epoch_keys.resumptions.resumed

    async def settled_beside(name: str) -> bool:
        may = await resumed(name)
        # A Settle that looked whether the session runs just before it was taken up.
        await b.settling.answer(SettleRequest(lab=a.name, session_id=name), a.card)
        return may

    monkeypatch.setattr(b.epoch_keys.resumptions, "resumed", settled_beside)
    # Where b went without a word, the next try is told.
    await match(a, b, terms, direction)
    assert (await a.sessions.get(session_id)).state in ("suspended", "aborted")
    assert aborted(b, session_id)
    assert len(b.entries(EntryKind.ABORT)) == 1
    assert not b.entries(EntryKind.PRE_RECORD, EntryKind.RECORD, EntryKind.COUNTERSIGNED)
    await stop(a, b)


async def test_answers_that_a_disk_has_lost_are_not_given_anew(tmp_path: Path) -> None:
    a, b, terms = await long_lists(tmp_path)
    cut_at(b, 9)
    session_id = (await match(a, b, terms)).session_id
    (file,) = kept_files(b)
    answered = [record for record in scan(file) if record.kind is Kind.CHUNK]
    file.write_bytes(file.read_bytes()[: answered[1].offset])
    # A receiver that says it holds no more than what is left would show other bytes from there on.
    _, names = await asked(a, b, resume_of(a, session_id, answered=1))
    assert names == ["abort"]
    assert aborted(b, session_id)
    await stop(a, b)


def refuses(*_: object, **__: object) -> None:
    raise OSError(30, "Read-only file system")


@pytest.mark.parametrize("broken_step", ["Path.unlink", "sync_folder"])
def test_nothing_is_answered_beside_a_file_that_can_be_neither_written_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_step: str
) -> None:
    file = ResumptionFile.create(tmp_path / "resumptions", bytes(32), "00" * 16)
    file.append(Kind.CHUNK, 0, 0, bytes(64), durable=True)
    monkeypatch.setattr("psi_service.sessions.resumption_file.os.fdatasync", refuses)
    monkeypatch.setattr(f"psi_service.sessions.resumption_file.{broken_step}", refuses)
    # It could come back after a power cut, and what is answered now would be answered anew then.
    for number in (1, 2):
        with pytest.raises(SessionAborted):
            file.append(Kind.CHUNK, 0, number, bytes(64), durable=True)
    file.close()


def test_a_file_that_was_given_up_is_gone_for_good_before_anything_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, synced = tmp_path / "resumptions", list[list[Path]]()
    file = ResumptionFile.create(folder, bytes(32), "00" * 16)
    monkeypatch.setattr("psi_service.sessions.resumption_file.os.fdatasync", refuses)
    monkeypatch.setattr(
        "psi_service.sessions.resumption_file.sync_folder", lambda where: synced.append([*where.iterdir()])
    )
    file.append(Kind.CHUNK, 0, 0, bytes(64), durable=True)
    assert synced == [[]]
    file.close()


def open_descriptors(folder: Path) -> list[Path]:
    found = list[Path]()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.append(each.readlink())
        except OSError:
            continue  # The descriptor by which the folder itself was read.
    return [each for each in found if each.is_relative_to(folder)]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are read from /proc")
async def test_a_file_that_is_being_read_when_its_time_is_over_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _, session_id = await broken(tmp_path)
    reading, go_on = threading.Event(), threading.Event()
    read_head = resumptions.read_head

    def slowly(*asked: Any) -> Any:
        reading.set()
        go_on.wait(20)
        return read_head(*asked)

    monkeypatch.setattr(resumptions, "read_head", slowly)
    opening = asyncio.create_task(
        b.epoch_keys.resumptions.reopen(session_id, lambda: True, [128, 128], sends=True)
    )
    assert await asyncio.to_thread(reading.wait, 20)
    opening.cancel()
    go_on.set()
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=20)
    assert not open_descriptors(b.directory / "resumptions")
    await stop(a, b)


async def test_a_session_that_is_being_dialled_again_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, terms = await long_lists(tmp_path, redial_seconds=(3600.0,))
    cut_at(a, 6)
    suspended, broken_off = asyncio.Event(), a.epoch_keys.resumptions.broken

    async def told(name: str) -> bool:
        may = await broken_off(name)
        suspended.set()
        return may

    monkeypatch.setattr(a.epoch_keys.resumptions, "broken", told)
    session_id = await a.sessions.start(
        b.name, agreement=terms.hash().hex(), direction="both", match_keys=KEYS, engine="oprf"
    )
    await asyncio.wait_for(suspended.wait(), 20)
    with pytest.raises(PsiError, match="is being taken up again"):
        await a.sessions.give_up(session_id)
    await stop(a, b)
