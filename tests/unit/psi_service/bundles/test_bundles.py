"""Bundles that sessions leave: sealed, whole or not at all, for as long as the agreement says."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from psi_core import native_core
from psi_core.engines.oprf import chunks
from psi_core.engines.oprf.bundle import BundleHeader, chunks_length
from psi_core.errors import NotFound, StoreError
from psi_core.session.closing import Record
from psi_service.bundles import exporting, keeping
from psi_service.bundles.sealed_chunks import BundleWriter, read_chunks
from psi_service.clock import instant
from psi_service.sessions.epoch_keys import EpochKeys
from psi_service.sessions.progress import Phase
from tests.two_labs import LAB_A, LAB_B, Lab, agreement_between, run, two_labs

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

SECRET = bytes(range(32))
HEADER = BundleHeader(session_id="0f" * 16, lane=1, match_key="email", items=10)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 4)


def given() -> list[tuple[int, bytes, bytes]]:
    return [(each.number, bytes(each.blinded_bytes), b"a" * each.answer_bytes) for each in chunks.cut(10)]


def written(folder: Path) -> BundleWriter:
    writer = BundleWriter(folder, SECRET, HEADER)
    for chunk in given():
        writer.keep(*chunk)
    return writer


async def prepared(tmp_path: Path, **changes) -> tuple[Lab, Lab, object]:
    a, b, terms = await two_labs(
        tmp_path, agreement_between(**{"bundle_days": 30, "late_abort_limit": 9} | changes)
    )
    for lab in (a, b):
        lab.suspects({"one": {"email": ["both@x.org"], "device_id": ["v:1"]}})
    return a, b, terms


async def session(a: Lab, b: Lab, terms, **asked):
    return await run(a, b, terms, engine="oprf", match_keys=["email"], **asked)


def files(lab: Lab) -> list[Path]:
    where = keeping.folder(lab.store)
    return sorted(where.iterdir()) if where.is_dir() else []


async def stop(*labs: Lab) -> None:
    for lab in labs:
        await lab.stop()


def test_a_file_is_sealed_for_its_place_and_opens_to_what_was_kept(tmp_path) -> None:
    writer = written(tmp_path / "new")
    assert writer.finish() == writer.path.stat().st_size
    assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600
    assert b"aaaa" not in writer.path.read_bytes()
    assert list(read_chunks(writer.path, SECRET, HEADER)) == [
        blinded + answer for _, blinded, answer in given()
    ]


def test_a_file_that_was_changed_moved_or_cut_does_not_open(tmp_path) -> None:
    writer = written(tmp_path)
    writer.finish()
    whole = writer.path.read_bytes()
    with pytest.raises(StoreError):
        list(read_chunks(writer.path, SECRET, HEADER.model_copy(update={"lane": 2})))
    for other in (whole[:-1], whole + b"x", b"x" + whole[1:], b""):
        writer.path.write_bytes(other)
        with pytest.raises(StoreError):
            list(read_chunks(writer.path, SECRET, HEADER))
    writer.path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        list(read_chunks(writer.path, SECRET, HEADER))


def test_what_is_not_whole_or_out_of_order_leaves_no_file(tmp_path) -> None:
    first, second, third = given()
    for order in ([first, second], [second], [first, third, second], []):
        writer = BundleWriter(tmp_path, SECRET, HEADER)
        for chunk in order:
            writer.keep(*chunk)
        assert writer.finish() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_that_a_resumed_run_sends_again_is_kept_once(tmp_path) -> None:
    writer = BundleWriter(tmp_path, SECRET, HEADER)
    for chunk in [given()[0], *given(), given()[2]]:
        writer.keep(*chunk)
    assert writer.finish()
    assert len(list(read_chunks(writer.path, SECRET, HEADER))) == 3


def test_a_disk_that_takes_no_more_ends_no_session(tmp_path) -> None:
    blocked = tmp_path / "no folder"
    blocked.write_text("")
    writer = written(blocked)
    assert writer.finish() == 0


@pytest.mark.parametrize("direction", ["both", "initiator", "responder"])
async def test_both_labs_keep_a_bundle_of_every_lane_and_its_chunks_are_alike(tmp_path, direction) -> None:
    a, b, terms = await prepared(tmp_path)
    view = await session(a, b, terms, direction=direction)
    assert view.state == "complete", view.reason
    shown = []
    for lab in (a, b):
        (kept,) = exporting.kept(lab.directory)
        assert (kept.peer, kept.items, kept.lane) == (LAB_B if lab is a else LAB_A, 64, 0)
        assert kept.kept_until == "2026-12-24T09:00:00Z"
        out = tmp_path / f"out-{lab.name}"
        size = exporting.export(lab.directory, lab.keys.data_key, [kept], out)
        shown.append((out / kept.header.file_name).read_bytes())
        assert size == len(shown[-1])
        assert [file.stat().st_size for file in files(lab)] == [kept.bytes]
    assert shown[0] == shown[1]
    record = Record.unverified(a.table("sessions")[0]["record"])
    assert record.lanes[0].chunks is not None
    assert record.lanes[0].chunks.count == 16
    await stop(a, b)


async def test_an_incremental_run_leaves_the_bundle_of_what_is_new(tmp_path) -> None:
    a, b, terms = await prepared(tmp_path)
    await session(a, b, terms)
    a.suspects({"two": {"email": ["new@x.org"]}})
    a.clock.forward(seconds=5)
    view = await session(a, b, terms)
    assert view.state == "complete", view.reason
    new = Record.unverified(a.table("sessions")[-1]["record"]).lanes[0].parameters["new"]
    assert [each.items for each in exporting.kept(b.directory)] == [64, new]
    await stop(a, b)


@pytest.mark.parametrize("changes", [{"bundle_days": 0}, {"bundle_days": None}])
async def test_nothing_is_kept_where_the_agreement_keeps_nothing(tmp_path, changes) -> None:
    a, b, terms = await prepared(tmp_path, **changes)
    assert (await session(a, b, terms)).state == "complete"
    assert files(a) == files(b) == exporting.kept(a.directory) == []
    await stop(a, b)


async def test_no_more_is_kept_than_the_settings_allow(tmp_path) -> None:
    a, b, terms = await prepared(tmp_path)
    await session(a, b, terms)
    (size,) = (each.bytes for each in exporting.kept(a.directory))
    small = EpochKeys(a.sessions._desk, a.keys.data_key, size + 1).bundles
    header = HEADER.model_copy(update={"items": 64})
    assert (await small.begin(terms.hash(), [header])).keepers == {}
    large = EpochKeys(a.sessions._desk, a.keys.data_key, 2 * size).bundles
    assert list((await large.begin(terms.hash(), [header])).keepers) == [1]
    await stop(a, b)


async def test_sessions_that_are_under_way_count_too_until_they_are_over(tmp_path) -> None:
    a, b, terms = await prepared(tmp_path)
    first, second = (
        HEADER.model_copy(update={"items": 64, "session_id": each * 16}) for each in ("0a", "0b")
    )
    room = EpochKeys(a.sessions._desk, a.keys.data_key, 3 * chunks_length(64) // 2).bundles
    begun = await room.begin(terms.hash(), [first])
    assert list(begun.keepers) == [1]
    assert (await room.begin(terms.hash(), [second])).keepers == {}
    begun.close()
    assert list((await room.begin(terms.hash(), [second])).keepers) == [1]
    await stop(a, b)


def test_a_machine_that_goes_on_after_its_session_was_broken_off_leaves_no_file(tmp_path) -> None:
    writer = BundleWriter(tmp_path, SECRET, HEADER)
    first, second, _ = given()
    writer.keep(*first)
    writer.discard()
    writer.keep(*second)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("phase", [Phase.BARRIER, Phase.COMPUTED, Phase.SIGNED])
async def test_a_session_that_comes_to_nothing_leaves_no_file(tmp_path, phase) -> None:
    a, b, terms = await prepared(tmp_path)
    a.cut_at = phase
    first = await session(a, b, terms, direction="initiator")
    await session(a, b, terms, direction="initiator")
    for lab in (a, b):
        states = {row["session_id"]: row["state"] for row in lab.table("sessions")}
        rows = lab.table("bundles")
        assert {states[row["session_id"]] for row in rows} == {"complete"}
        assert sorted(row["file"] for row in rows) == [file.name for file in files(lab)]
        assert (first.session_id in {row["session_id"] for row in rows}) == (
            states[first.session_id] == "complete"
        )
    await stop(a, b)


async def test_bundles_go_when_their_days_are_over(tmp_path) -> None:
    a, b, terms = await prepared(tmp_path)
    await session(a, b, terms)
    a.clock.forward(days=29)
    for days, left in ((29, 1), (30, 0)):
        gone = a.store.transaction_now(lambda db: keeping.expire(a.store, db, instant(a.clock())))
        assert (days, gone, len(files(a)), len(a.table("bundles"))) == (days, 1 - left, left, left)
        a.clock.forward(days=1)
    with pytest.raises(NotFound, match="no bundle is kept"):
        exporting.kept(a.directory, sessions=[a.table("sessions")[0]["session_id"]])
    await stop(a, b)


async def test_a_file_that_is_gone_is_not_listed_and_a_damaged_one_is_not_handed_over(tmp_path) -> None:
    a, b, terms = await prepared(tmp_path)
    await session(a, b, terms)
    (file,) = files(a)
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + b"\0" + whole[101:])
    with pytest.raises(StoreError):
        exporting.export(a.directory, a.keys.data_key, exporting.kept(a.directory), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    file.unlink()
    assert exporting.kept(a.directory) == []
    await stop(a, b)


async def test_a_start_removes_files_that_no_row_names(tmp_path) -> None:
    a, b, terms = await prepared(tmp_path)
    await session(a, b, terms)
    left = keeping.folder(a.store) / "left by a crash"
    left.write_bytes(b"x")
    await a.sessions.settle_all(())
    assert not left.exists()
    assert len(files(a)) == 1
    await stop(a, b)
