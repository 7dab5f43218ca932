"""The store's promises: nothing lost under contention, all or nothing, one owner, hooks after commit only."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from psi_core.errors import StoreError, StoreLocked
from psi_service.store.database import DATABASE_FILE, Store
from psi_service.store.migrations import migrations


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data", clock) as opened:
        yield opened


def _make_counter(db: Database) -> None:
    db.conn.execute("CREATE TABLE counter (value INTEGER)")
    db.conn.execute("INSERT INTO counter VALUES (0)")


def _read_then_write(db: Database) -> int:
    value = int(db.conn.execute("SELECT value FROM counter").fetchone()[0])
    db.conn.execute("UPDATE counter SET value = ?", (value + 1,))
    return value + 1


def _value(db: Database) -> int:
    return int(db.conn.execute("SELECT value FROM counter").fetchone()[0])


async def test_concurrent_read_then_write_transactions_lose_nothing(store: Store) -> None:
    await store.transaction(_make_counter)
    seen = await asyncio.gather(*(store.transaction(_read_then_write) for _ in range(200)))
    assert sorted(seen) == list(range(1, 201))
    assert await store.query(_value) == 200


async def test_another_process_holding_the_file_delays_a_transaction_and_loses_nothing(store: Store) -> None:
    """A second writer, such as a sqlite3 shell: BEGIN IMMEDIATE waits instead of failing late."""
    await store.transaction(_make_counter)
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE counter SET value = 1000")
    running = [asyncio.ensure_future(store.transaction(_read_then_write)) for _ in range(20)]
    release = threading.Timer(0.2, other.execute, ["COMMIT"])
    release.start()
    assert sorted(await asyncio.gather(*running)) == list(range(1001, 1021))
    release.join()
    other.close()


async def test_an_error_rolls_everything_back_and_is_raised(store: Store) -> None:
    await store.transaction(_make_counter)

    def work(db: Database) -> None:
        _read_then_write(db)
        db["peers"].insert({"lab": "lab-b.example"})

    with pytest.raises(sqlite3.IntegrityError):
        await store.transaction(work)
    assert await store.query(_value) == 0
    assert await store.transaction(_read_then_write) == 1


async def test_writes_of_sqlite_utils_stay_inside_the_transaction(store: Store) -> None:
    row = {"name": "t", "hash": b"h", "role": "analyst", "created": "2026-11-24T09:30:00Z"}

    def work(db: Database) -> None:
        db["tokens"].insert(row)
        db["tokens"].upsert({"id": 1, **row, "role": "auditor"}, pk="id")
        db.execute("DELETE FROM tokens WHERE 0")
        raise KeyError("stop")

    with pytest.raises(KeyError):
        await store.transaction(work)
    assert await store.query(lambda db: db["tokens"].count) == 0


async def test_hooks_run_on_the_writer_thread_after_commit_before_the_awaiter(store: Store) -> None:
    await store.transaction(_make_counter)
    seen: list[tuple[str, int]] = []

    def hook() -> None:
        other = sqlite3.connect(store.path)
        seen.append(
            (threading.current_thread().name, int(other.execute("SELECT value FROM counter").fetchone()[0]))
        )
        other.close()

    def work(db: Database) -> None:
        store.on_commit(hook)
        store.on_commit(hook)
        _read_then_write(db)
        assert seen == []

    await store.transaction(work)
    assert seen == [("store-writer_0", 1)]


async def test_hooks_of_an_aborted_transaction_never_run(store: Store) -> None:
    seen: list[int] = []

    def aborted(db: Database) -> None:
        store.on_commit(lambda: seen.append(1))
        raise KeyError("stop")

    with pytest.raises(KeyError):
        await store.transaction(aborted)
    await store.transaction(lambda db: None)
    assert seen == []


async def test_a_failing_hook_is_raised_and_the_others_run(store: Store) -> None:
    seen: list[int] = []

    def failing() -> None:
        raise StoreError("disk full")

    def work(db: Database) -> None:
        _make_counter(db)
        store.on_commit(failing)
        store.on_commit(lambda: seen.append(1))

    with pytest.raises(StoreError, match="disk full"):
        await store.transaction(work)
    assert seen == [1]
    assert await store.query(_value) == 0


async def test_on_commit_outside_a_transaction_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="outside a transaction"):
        store.on_commit(lambda: None)


async def test_a_transaction_inside_a_transaction_is_refused_instead_of_hanging(store: Store) -> None:
    with pytest.raises(StoreError, match="inside a transaction"):
        await store.transaction(lambda db: store.transaction_now(lambda inner: None))


async def test_queries_cannot_write_and_see_one_state(store: Store) -> None:
    await store.transaction(_make_counter)
    with pytest.raises(StoreError, match="readonly"):
        await store.query(_read_then_write)
    inside, written = threading.Event(), threading.Event()

    def twice(db: Database) -> tuple[int, int]:
        first = _value(db)
        inside.set()
        assert written.wait(10)
        return first, _value(db)

    reading = asyncio.ensure_future(store.query(twice))
    await asyncio.to_thread(inside.wait, 10)
    await store.transaction(_read_then_write)
    written.set()
    assert await reading == (0, 0)
    assert await store.query(_value) == 1


def test_variants_without_an_event_loop(store: Store) -> None:
    store.transaction_now(_make_counter)
    assert store.transaction_now(_read_then_write) == 1
    assert store.query_now(_value) == 1


def test_durability_settings(store: Store) -> None:
    def pragmas(db: Database) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [db.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert store.transaction_now(pragmas) == ["wal", 2, 1]
    assert store.query_now(pragmas) == ["wal", 2, 1]


def test_files_are_for_the_owner_alone(store: Store) -> None:
    store.transaction_now(_make_counter)
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o077 for file in store.path.parent.iterdir()} == {0}


def test_one_owner_within_a_process_and_across(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from psi_service.clock import system_clock;"
        "from psi_service.store.database import Store; from psi_core.errors import StoreLocked\n"
        "try: Store.open(Path(sys.argv[1]), system_clock).close_now()\n"
        "except StoreLocked: sys.exit(7)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with Store.open(tmp_path, clock):
        with pytest.raises(StoreLocked, match="in use by process"):
            Store.open(tmp_path, clock)
        assert subprocess.run(command, check=False).returncode == 7
    assert subprocess.run(command, check=False).returncode == 0
    Store.open(tmp_path, clock).close_now()


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.transaction(lambda db: None)
    with pytest.raises(StoreError, match="closed"):
        await store.query(lambda db: None)


@pytest.mark.parametrize("names", [["0001_a.sql", "0002_b.sql", "0002_c.sql"], ["0001_a.sql", "0003_b.sql"]])
def test_migrations_numbered_alike_or_with_a_gap_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("CREATE TABLE t (x);")
    monkeypatch.setattr("psi_service.store.migrations.files", lambda package: tmp_path)
    with pytest.raises(StoreError, match="numbered"):
        migrations()


def test_migrations_are_numbered_without_gaps_and_applied_once(tmp_path: Path) -> None:
    assert list(migrations()) == list(range(1, len(migrations()) + 1))
    for _ in range(2):
        with Store.open(tmp_path, clock) as store:
            version = store.query_now(lambda db: db.conn.execute("PRAGMA user_version").fetchone()[0])
            assert version == max(migrations())


def test_a_store_of_a_newer_version_is_refused_and_unlocked(tmp_path: Path) -> None:
    Store.open(tmp_path, clock).close_now()
    connection = sqlite3.connect(tmp_path / DATABASE_FILE)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="newer version"):
            Store.open(tmp_path, clock)


def test_a_failed_migration_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path, clock).close_now()
    number = max(migrations()) + 1
    broken = {**migrations(), number: "CREATE TABLE half (x); CREATE TABLE peers (x);"}
    monkeypatch.setattr("psi_service.store.migrations.migrations", lambda: broken)
    with pytest.raises(StoreError, match=f"migration {number} of the store failed"):
        Store.open(tmp_path, clock)
    monkeypatch.undo()
    with Store.open(tmp_path, clock) as store:
        assert "half" not in store.query_now(lambda db: db.table_names())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"not a database, by any means" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path, clock)


async def test_the_journal_is_emptied_unless_a_reader_is_at_work(store: Store) -> None:
    journal = store.path.with_name(f"{DATABASE_FILE}-wal")
    await store.transaction(_make_counter)
    reads, may_end = threading.Event(), threading.Event()

    def read(db: Database) -> int:
        value = _value(db)
        reads.set()
        may_end.wait(10)
        return value

    reading = asyncio.ensure_future(store.query(read))
    await asyncio.to_thread(reads.wait, 10)
    await store.transaction(_read_then_write)
    assert not await store.empty_journal()
    may_end.set()
    assert await reading == 0
    assert await store.empty_journal()
    assert journal.stat().st_size == 0
    assert await store.query(_value) == 1
