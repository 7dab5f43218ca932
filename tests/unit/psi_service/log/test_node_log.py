"""The log inside the store: entries, tree, head file, checkpoints, and what an aborted transaction leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from psi_core.errors import InvalidText, NodeRefusing, StoreError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer
from psi_core.log.tree import EMPTY_ROOT, leaf_hash, root_of
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

SIGNER = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with Store.open(tmp_path / "data", clock) as opened:
        yield opened


@pytest.fixture
async def log(store: Store, tmp_path: Path) -> NodeLog:
    opened = NodeLog(store, SIGNER, tmp_path / "head" / "head", clock)
    await opened.verify_at_start()
    assert opened.refusal is None
    return opened


async def _append(store: Store, log: NodeLog, count: int) -> None:
    for number in range(count):
        await store.transaction(lambda db, n=number: log.append(db, EntryKind.ADMIN, {"n": n}))


def _head(tmp_path: Path) -> Checkpoint:
    return Checkpoint.parse((tmp_path / "head" / "head").read_text())


async def test_entries_are_whole_salted_and_in_order(store: Store, log: NodeLog) -> None:
    await _append(store, log, 3)
    await store.transaction(lambda db: log.append(db, EntryKind.OFFER, {"x": "y"}, "lab-b.example"))
    entries = [Entry.decode(data) for data in await log.entries(0, 10)]
    assert [entry.body for entry in entries] == [{"n": 0}, {"n": 1}, {"n": 2}, {"x": "y"}]
    assert entries[3].peer == "lab-b.example"
    assert {entry.time for entry in entries} == {"2026-11-24T09:30:00Z"}
    assert len({entry.salt for entry in entries}) == 4
    assert await log.entries(2, 1) == (await log.entries(0, 10))[2:3]
    assert log.size == 4


async def test_every_root_is_that_of_the_entries(store: Store, log: NodeLog) -> None:
    await _append(store, log, 21)
    leaves = [leaf_hash(data) for data in await log.entries(0, 100)]
    assert [await log.root(size) for size in range(22)] == [root_of(leaves[:size]) for size in range(22)]
    with pytest.raises(NodeRefusing, match="missing"):
        await log.root(22)


async def test_the_head_file_is_written_before_the_awaiter_resumes(
    store: Store, log: NodeLog, tmp_path: Path
) -> None:
    assert _head(tmp_path) == Checkpoint(SIGNER.name, 0, EMPTY_ROOT)
    for size in range(1, 6):
        await store.transaction(lambda db: log.append(db, EntryKind.ADMIN, {}))
        assert _head(tmp_path) == Checkpoint(SIGNER.name, size, await log.root(size))


async def test_several_entries_of_one_transaction(store: Store, log: NodeLog, tmp_path: Path) -> None:
    def work(db: Database) -> list[int]:
        return [log.append(db, EntryKind.ADMIN, {"n": n}) for n in range(5)]

    assert await store.transaction(work) == [0, 1, 2, 3, 4]
    assert _head(tmp_path).size == log.size == 5
    assert await log.root(5) == root_of([leaf_hash(data) for data in await log.entries(0, 5)])


async def test_an_aborted_transaction_leaves_nothing(store: Store, log: NodeLog, tmp_path: Path) -> None:
    await _append(store, log, 3)
    before = (tmp_path / "head" / "head").read_bytes()

    def work(db: Database) -> None:
        for _ in range(4):
            log.append(db, EntryKind.ADMIN, {"lost": True})
        raise KeyError("stop")

    with pytest.raises(KeyError):
        await store.transaction(work)
    assert (tmp_path / "head" / "head").read_bytes() == before
    assert log.size == 3
    assert await store.transaction(lambda db: log.append(db, EntryKind.ADMIN, {"n": 3})) == 3
    entries = await log.entries(0, 10)
    assert [Entry.decode(data).body for data in entries] == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]
    assert await log.root(4) == root_of([leaf_hash(data) for data in entries])
    await log.verify_at_start()
    assert log.refusal is None


async def test_concurrent_appends_all_stand_in_the_tree(store: Store, log: NodeLog) -> None:
    work = [store.transaction(lambda db, n=n: log.append(db, EntryKind.ADMIN, {"n": n})) for n in range(40)]
    assert sorted(await asyncio.gather(*work)) == list(range(40))
    assert await log.root(40) == root_of([leaf_hash(data) for data in await log.entries(0, 40)])


async def test_a_checkpoint_is_signed_once_per_size_and_kept(store: Store, log: NodeLog) -> None:
    await _append(store, log, 2)
    note = await log.checkpoint()
    assert Checkpoint.open(note, SIGNER.verifier) == Checkpoint(SIGNER.name, 2, await log.root(2))
    assert await log.checkpoint() == note
    kept = await store.query(lambda db: list(db["own_checkpoints"].rows))
    assert kept == [{"size": 2, "note": note, "signed": "2026-11-24T09:30:00Z"}]


async def test_a_body_that_cannot_be_logged_is_refused_and_nothing_kept(store: Store, log: NodeLog) -> None:
    for body in ({"x": "y" * 70_000}, {"x": b"bytes"}):
        with pytest.raises(InvalidText):
            await store.transaction(lambda db, body=body: log.append(db, EntryKind.ADMIN, body))
    assert await log.entries(0, 1) == []


async def test_append_belongs_into_a_transaction(store: Store, log: NodeLog) -> None:
    with pytest.raises(StoreError, match="outside a transaction"):
        await store.query(lambda db: log.append(db, EntryKind.ADMIN, {}))


async def test_before_the_start_check_nothing_is_appended_or_signed(store: Store, tmp_path: Path) -> None:
    log = NodeLog(store, SIGNER, tmp_path / "head", clock)
    with pytest.raises(NodeRefusing, match="not been checked"):
        await store.transaction(lambda db: log.append(db, EntryKind.ADMIN, {}))
    with pytest.raises(NodeRefusing, match="not been checked"):
        await log.checkpoint()


async def test_a_head_file_that_cannot_be_written_stops_the_node(
    store: Store, log: NodeLog, tmp_path: Path
) -> None:
    """The entry is committed; its awaiter gets the error, so that the note in it does not leave."""
    await _append(store, log, 1)
    (tmp_path / "head" / "head.new").mkdir()
    with pytest.raises(NodeRefusing, match="cannot be written"):
        await store.transaction(lambda db: log.append(db, EntryKind.ADMIN, {}))
    with pytest.raises(NodeRefusing, match="cannot be written"):
        await log.checkpoint()
    with pytest.raises(NodeRefusing, match="cannot be written"):
        await store.transaction(lambda db: log.append(db, EntryKind.ADMIN, {}))
    assert log.size == 1
    (tmp_path / "head" / "head.new").rmdir()
    await log.verify_at_start()
    assert log.refusal is None
    assert log.size == 2


async def test_a_log_that_refuses_is_still_told_and_read_as_it_is(
    store: Store, log: NodeLog, tmp_path: Path
) -> None:
    await _append(store, log, 3)
    (tmp_path / "head" / "head").unlink()
    again = NodeLog(store, SIGNER, tmp_path / "head" / "head", clock)
    await again.verify_at_start()
    assert again.refusal is not None
    assert (again.size, len(await again.entries(0, 10))) == (3, 3)
