"""A node's backup, and the rules by which it comes back over what is left of the node."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from psi_client.node_client import NodeClient
from psi_core.errors import Conflict, NodeRefusing, StoreError, StoreLocked, VerificationError
from psi_core.log.entry import EntryKind
from psi_service.backup.making import Backup, make_backup
from psi_service.backup.restoring import Restored, planned, restore
from psi_service.backup.secret import KEY_FILE, BackupSecret
from psi_service.clock import system_clock
from psi_service.identity.key_files import read_keys
from psi_service.log.node_log import NodeLog
from psi_service.node.reach import services_without_ports
from psi_service.sessions.usage import spent
from psi_service.store.database import Store
from psi_service.store.reading import reading
from tests.two_nodes import LABS, Place, introduce, places

SECRET = BackupSecret(KEY_FILE, b"k" * 32)
EMAIL = {"match_key": "email", "max_size": 5_000, "evaluations_per_period": 100_000}
OLD = "2026-01-01T00:00:00Z"


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return (await places(tmp_path))[0]


def backed_up(place: Place, name: str = "backup") -> Path:
    return make_backup(place.settings, place.data_dir.parent / name, SECRET, system_clock).file


def restored(data_dir: Path, file: Path, **clock: Any) -> Restored:
    with planned(data_dir, file, SECRET) as plan:
        return restore(plan, clock.get("clock", system_clock))


def write(place: Place, sql: str, *values: object) -> None:
    with Store.open(place.data_dir, system_clock) as store:
        store.transaction_now(lambda db: db.conn.execute(sql, values) and None)


def actors(place: Place) -> list[tuple[int, bytes]]:
    with reading(place.data_dir) as db:
        return [
            (number, bytes(lookup)) for number, lookup in db.conn.execute("SELECT id, lookup FROM actors")
        ]


def add_actor(place: Place, number: int, created: str = OLD) -> None:
    lookup = bytes([number]) * 32
    write(place, "INSERT INTO actors VALUES (?, ?, ?, ?)", number, lookup, b"sealed", created)
    write(place, "INSERT INTO indicators (actor, kind, fingerprint) VALUES (?, 'email', ?)", number, lookup)


async def append(place: Place, count: int) -> None:
    """Let the log go on."""
    async with services_without_ports(place.settings, system_clock) as services:
        for number in range(count):
            body = {"action": "test", "number": number}
            await services.store.transaction(
                lambda db, body=body: services.log.append(db, EntryKind.ADMIN, body)
            )


async def refusal(place: Place) -> str | None:
    async with services_without_ports(place.settings, system_clock) as services:
        return services.log.refusal


async def size(place: Place) -> int:
    async with services_without_ports(place.settings, system_clock) as services:
        return services.log.size


async def test_a_backup_is_made_while_the_node_writes_and_holds_everything_but_epoch_keys(
    place: Place, tmp_path: Path
) -> None:
    columns = "agreement, match_key, epoch, secret, statement, position, created, ended"
    write(place, f"CREATE TABLE IF NOT EXISTS epoch_keys ({columns})")
    for epoch, ended in ((1, OLD), (2, None)):
        values = (b"a" * 32, "email", epoch, b"EPOCH-KEY-THAT-MUST-NOT-LEAVE" * 4, "s", 1, OLD, ended)
        write(place, f"INSERT INTO epoch_keys ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values)
    add_actor(place, 1)
    with Store.open(place.data_dir, system_clock) as store:
        store.transaction_now(
            lambda db: db.conn.execute("UPDATE actors SET reference = ?", (b"newest",)) and None
        )
        made: Backup = await asyncio.to_thread(
            make_backup, place.settings, tmp_path / "backup", SECRET, system_clock
        )
    assert (made.lab, made.entries, made.bytes) == (LABS[0], 3, made.file.stat().st_size)
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert names(place.data_dir, ".") == []
    with planned(tmp_path / "elsewhere", made.file, SECRET) as plan:
        with closing(sqlite3.connect(plan.stage / "node.db")) as db:
            assert db.execute("SELECT reference FROM actors").fetchall() == [(b"newest",)]
            epochs = db.execute("SELECT secret, ended FROM epoch_keys ORDER BY epoch").fetchall()
            assert epochs == [(None, OLD), (None, made.made)]
        assert b"EPOCH-KEY" not in (plan.stage / "node.db").read_bytes()
        for path in (*plan.stage.rglob("*.key"), plan.stage / "card", plan.stage / "psi.toml"):
            assert path.read_bytes() == (place.data_dir / path.relative_to(plan.stage)).read_bytes()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Conflict, match="exists already"):
        backed_up(place)


async def test_a_damaged_database_or_missing_key_makes_no_backup(place: Place, tmp_path: Path) -> None:
    key = place.data_dir / "keys" / "data.key"
    key.rename(tmp_path / "kept")
    with pytest.raises(StoreError, match=r"keys/data\.key"):
        backed_up(place)
    (tmp_path / "kept").rename(key)
    damage(place)
    with pytest.raises(StoreError):
        backed_up(place)
    assert names(tmp_path, "backup") == []


def names(folder: Path, beginning: str) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(beginning)]


def damage(place: Place) -> None:
    with closing(sqlite3.connect(place.data_dir / "node.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file = place.data_dir / "node.db"
    data = bytearray(file.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 200] = b"\xff" * 200
    file.write_bytes(data)


async def test_a_log_that_verifies_stays_and_the_lists_come_back(place: Place) -> None:
    add_actor(place, 1)
    add_actor(place, 2)
    file = backed_up(place)
    await append(place, 3)
    write(place, "DELETE FROM indicators WHERE actor = 1")
    write(place, "DELETE FROM actors WHERE id = 1")
    add_actor(place, 9)
    token = "INSERT INTO tokens (name, hash, role, created, revoked) VALUES ('x', x'00', 'auditor', ?, ?)"
    write(place, token, OLD, OLD)
    done = restored(place.data_dir, file)
    assert (done.kept_log, done.why, done.entries, done.withheld) == (True, "", 6, 0)
    assert [number for number, _ in actors(place)] == [1, 2]
    assert (await refusal(place), await size(place)) == (None, 6)
    with reading(place.data_dir) as db:
        assert db.conn.execute("SELECT count(*) FROM tokens").fetchone() == (2,)
        assert db.conn.execute("SELECT count(*) FROM indicators").fetchone() == (2,)
    assert stat.S_IMODE((place.data_dir / "node.db").stat().st_mode) == 0o600
    with closing(sqlite3.connect(done.aside / "node.db")) as db:
        assert db.execute("SELECT id FROM actors ORDER BY id").fetchall() == [(2,), (9,)]


async def test_who_was_erased_after_the_backup_does_not_come_back(place: Place) -> None:
    add_actor(place, 1)
    add_actor(place, 2)
    file = backed_up(place)
    write(place, "DELETE FROM actors")
    write(place, "INSERT INTO erased_actors VALUES (?, '2026-02-01T00:00:00Z')", bytes([1]) * 32)
    restored(place.data_dir, file)
    assert [number for number, _ in actors(place)] == [2]
    with reading(place.data_dir) as db:
        assert db.conn.execute("SELECT actor FROM indicators").fetchall() == [(2,)]


async def test_who_was_taken_in_again_after_an_erasure_does(place: Place) -> None:
    add_actor(place, 1, "2026-03-01T00:00:00Z")
    write(place, "INSERT INTO erased_actors VALUES (?, '2026-02-01T00:00:00Z')", bytes([1]) * 32)
    restored(place.data_dir, backed_up(place))
    assert [number for number, _ in actors(place)] == [1]


def lose_database(place: Place) -> None:
    for path in place.data_dir.glob("node.db*"):
        path.unlink()


def lose_head(place: Place) -> None:
    place.settings.head_path.unlink()


def set_back(place: Place) -> None:
    """Head file and database both of an earlier day: they fit each other, and the backup knows better."""
    with closing(sqlite3.connect(place.data_dir / "node.db")) as db:
        db.execute("DELETE FROM log_entries")
        db.execute("DELETE FROM log_nodes")
        db.commit()
    lose_head(place)


@pytest.mark.parametrize("loss", [lose_database, damage, lose_head, set_back])
async def test_a_log_that_does_not_verify_comes_back_and_signs_nothing(
    place: Place, loss: Callable[[Place], None]
) -> None:
    file = backed_up(place)
    await append(place, 2)
    loss(place)
    done = restored(place.data_dir, file)
    assert (done.kept_log, done.entries) == (False, 3)
    assert done.why
    said = await refusal(place)
    assert said is not None
    assert "restored from a backup" in said
    assert await refusal(place) == said, "starting again does not mend it"
    with pytest.raises(NodeRefusing):
        await append(place, 1)


async def test_a_head_file_that_knows_more_stays_and_one_that_is_lost_is_written(place: Place) -> None:
    file = backed_up(place)
    await append(place, 2)
    head = place.settings.head_path
    newer = head.read_bytes()
    lose_database(place)
    restored(place.data_dir, file)
    assert head.read_bytes() == newer
    head.unlink()
    lose_database(place)
    restored(place.data_dir, file, clock=lambda: datetime.now(UTC) + timedelta(seconds=5))
    assert head.read_text().split("\n")[1] == "3"


async def test_an_empty_host_gets_the_whole_node(place: Place, tmp_path: Path) -> None:
    file = backed_up(place)
    kept = {name: (place.data_dir / name).read_bytes() for name in ("card", "psi.toml", "profile.json")}
    shutil.rmtree(place.data_dir)
    done = restored(place.data_dir, file)
    assert not done.kept_log
    assert {name: (place.data_dir / name).read_bytes() for name in kept} == kept
    assert read_keys(place.settings.keys_dir, LABS[0])
    assert stat.S_IMODE((place.data_dir / "keys").stat().st_mode) == 0o700
    assert "restored from a backup" in str(await refusal(place))


async def test_missing_keys_come_back_and_the_log_stays(place: Place) -> None:
    file = backed_up(place)
    await append(place, 1)
    (place.data_dir / "keys" / "log.key").unlink()
    done = restored(place.data_dir, file)
    assert done.kept_log
    assert (await refusal(place), await size(place)) == (None, 4)


async def test_nothing_changes_when_it_cannot_be_or_is_not_done(place: Place, tmp_path: Path) -> None:
    file = backed_up(place)

    def everything() -> dict[Path, bytes]:
        return {
            path: path.read_bytes()
            for path in place.data_dir.rglob("*")
            if path.is_file() and not path.name.startswith(("node.db-", "node.lock"))
        }

    before = everything()
    with planned(place.data_dir, file, SECRET):
        pass
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    (tmp_path / "changed").write_bytes(data)
    with pytest.raises(VerificationError), planned(place.data_dir, tmp_path / "changed", SECRET):
        pass
    with (
        Store.open(place.data_dir, system_clock),
        pytest.raises(StoreLocked),
        planned(place.data_dir, file, SECRET),
    ):
        pass
    _, other = await places(tmp_path / "others")
    with (
        pytest.raises(Conflict, match=r"of lab-b\.example"),
        planned(place.data_dir, backed_up(other), SECRET),
    ):
        pass
    assert everything() == before
    assert names(place.data_dir, ".restore") + names(place.data_dir, "before") == []


async def test_a_backup_of_references_under_another_data_key_is_refused(place: Place) -> None:
    file = backed_up(place)
    key = place.data_dir / "keys" / "data.key"
    key.write_bytes(b"00" * 32)
    with pytest.raises(Conflict, match="data key"):
        restored(place.data_dir, file)


async def test_budgets_of_the_running_period_count_as_spent(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    async with a.running(), b.running():
        agreement = bytes.fromhex(await introduce(a, b, [EMAIL]))
        terms = (await a.ask(lambda client: client.agreement(agreement.hex())))["terms"]
        file = await asyncio.to_thread(backed_up, a)
    lose_database(a)
    now = datetime.fromisoformat(terms["period_start"]) + timedelta(seconds=terms["period_seconds"] * 3 + 10)
    done = restored(a.data_dir, file, clock=lambda: now)
    # Three seconds before and after the edge count: period 2 and 3, two receivers.
    assert done.withheld == 4
    with reading(a.data_dir) as db:
        for period, evaluations in (
            (1, {}),
            (2, dict.fromkeys(LABS, 100_000)),
            (3, dict.fromkeys(LABS, 100_000)),
        ):
            found = {receiver: count for (_, receiver), count in spent(db, agreement, period).items()}
            assert found == evaluations
    async with a.running(), b.running():
        assert "restored from a backup" in (await a.ask(NodeClient.log))["refusal"]


async def test_the_log_of_a_restored_node_still_verifies(place: Place) -> None:
    file = backed_up(place)
    lose_database(place)
    restored(place.data_dir, file)
    keys = read_keys(place.settings.keys_dir, LABS[0])
    with Store.open(place.data_dir, system_clock) as store:
        log = NodeLog(store, keys.log, place.settings.head_path, system_clock)
        await log.verify_at_start()
        assert log.refusal is not None
        await store.transaction(
            lambda db: db.conn.execute("UPDATE restorations SET recovered = '2026-11-25T00:00:00Z'") and None
        )
        await log.verify_at_start()
        assert log.refusal is None
