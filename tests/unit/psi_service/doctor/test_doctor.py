"""The doctor on a node that stands still: each thing that can be broken, broken, and found with its mend."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from psi_core import native_core
from psi_service.clock import system_clock
from psi_service.doctor import host
from psi_service.doctor.examination import examine
from psi_service.doctor.finding import Finding
from psi_service.doctor.peer_check import of_clock
from psi_service.peers.probe import ProbeResult
from psi_service.settings import Settings
from psi_service.store.database import Store
from psi_service.version import version
from tests.two_nodes import Place, places


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return (await places(tmp_path))[0]


def of(found: Sequence[Finding], check: str) -> list[Finding]:
    return [each for each in found if each.check == check]


async def the(place: Place, check: str, **clock: Any) -> Finding:
    (finding,) = of(await examine(place.settings, clock.get("clock", system_clock)), check)
    return finding


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_new_node_has_no_fault_and_nothing_of_it_is_changed(place: Place) -> None:
    before = bytes_in(place.data_dir)
    found = await examine(place.settings, system_clock)
    assert [each for each in found if each.state == "fault"] == []
    checks = [
        "engines",
        "native core",
        "disk",
        "keys",
        "card",
        "database",
        "log",
        "jobs",
        "ports",
        "clock",
        "peers",
    ]
    assert {each.check for each in found} - {"jobs"} == set(checks) - {"jobs"}
    assert all(bool(each.mend) == (each.state != "ok") for each in found)
    assert bytes_in(place.data_dir) == before | {
        name: content
        for name, content in bytes_in(place.data_dir).items()
        if name.endswith(("-shm", "-wal", ".lock"))
    }


async def test_keys_that_others_may_use_or_that_are_gone(place: Place) -> None:
    (place.data_dir / "keys").chmod(0o755)
    found = await the(place, "keys")
    assert (found.state, found.mend) == ("fault", f"chmod 700 {place.data_dir / 'keys'}")
    (place.data_dir / "keys").chmod(0o700)
    key = next(path for path in (place.data_dir / "keys").iterdir())
    key.chmod(0o644)
    found = await the(place, "keys")
    assert (found.state, f"chmod 600 {key}" in found.words) == ("fault", True)
    key.unlink()
    everything = await examine(place.settings, system_clock)
    assert of(everything, "keys")[0].state == "fault"
    assert not of(everything, "card")
    assert of(everything, "database")[0].state == "ok"


async def test_a_card_that_is_not_the_nodes_or_that_ends(place: Place) -> None:
    late = datetime.now(UTC) + timedelta(days=3650 - 30)
    assert (await the(place, "card", clock=lambda: late)).state == "warning"
    later = late + timedelta(days=100)
    assert (await the(place, "card", clock=lambda: later)).state == "fault"
    (place.data_dir / "card").unlink()
    assert (await the(place, "card")).state == "fault"


async def test_a_damaged_page_is_found_and_no_check_trips_over_it(place: Place) -> None:
    file = place.data_dir / "node.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(file.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 200] = bytes(200)
    file.write_bytes(data)
    found = await the(place, "database")
    assert (found.state, "psi-node restore" in found.mend) == ("fault", True)
    file.unlink()
    assert (await the(place, "database")).state == "fault"


async def test_a_database_of_a_newer_version(place: Place) -> None:
    with sqlite3.connect(place.data_dir / "node.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    found = await the(place, "database")
    assert (found.state, "newer version" in found.mend) == ("fault", True)


async def test_a_log_that_does_not_reach_its_head_file(place: Place) -> None:
    head = place.settings.head_path
    kept = head.read_bytes()
    head.unlink()
    assert (await the(place, "log")).state == "fault"
    head.write_bytes(kept.replace(b"lab-a.example/psi-log", b"lab-x.example/psi-log"))
    assert "another log's" in (await the(place, "log")).words
    origin, _, root, *_ = kept.decode().split("\n")
    head.write_text(f"{origin}\n99\n{root}\n")
    assert "set back" in (await the(place, "log")).words


async def test_a_clock_that_was_set_back(place: Place) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    clocks = of(await examine(place.settings, lambda: yesterday), "clock")
    assert clocks[0].state == "fault"
    assert "NTP" in clocks[0].mend


async def test_a_port_that_somebody_else_holds(place: Place) -> None:
    address = place.settings.peer_listen_address
    with socket.create_server(tuple(address)):
        faults = [
            each for each in of(await examine(place.settings, system_clock), "ports") if each.state == "fault"
        ]
    assert len(faults) == 1
    assert "peer_listen" in faults[0].mend


async def test_little_room_is_said_before_there_is_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, state in ((1 << 20, "fault"), (1 << 30, "warning"), (1 << 40, "ok")):
        monkeypatch.setattr(host.shutil, "disk_usage", lambda _, free=free: (1 << 41, 0, free) and Room(free))
        assert (await the(place, "disk")).state == state


class Room:
    def __init__(self, free: int) -> None:
        self.free = free


async def test_without_the_native_core_or_the_library(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_core, "native", None)
    assert (await the(place, "native core")).state == "warning"
    monkeypatch.setattr(native_core, "available", lambda: True)
    monkeypatch.setattr(host, "version_of", lambda _: version())
    assert (await the(place, "native core")).state == "ok"
    monkeypatch.setattr(host, "version_of", lambda _: "0.0.9")
    old = await the(place, "native core")
    assert (old.state, "of version 0.0.9, this node of" in old.words) == ("fault", True)
    monkeypatch.setattr(host, "find_spec", lambda _: None)
    assert (await the(place, "engines")).state == "fault"


async def test_a_job_that_should_have_begun(place: Place) -> None:
    with Store.open(place.data_dir, system_clock) as store:
        table = (
            "CREATE TABLE IF NOT EXISTS jobs (id INTEGER, peer TEXT, reveal TEXT, engine TEXT, cron TEXT,"
            " zone TEXT, created TEXT, paused TEXT, next_due TEXT)"
        )
        store.transaction_now(lambda db: db.conn.execute(table) and None)
        insert = (
            "INSERT INTO jobs (id, peer, reveal, engine, cron, zone, created, paused, next_due)"
            " VALUES (?, ?, 'items', 'openmined', '0 3 * * *', 'UTC', '2026-01-01T00:00:00Z', ?, ?)"
        )
        rows = [
            (1, "lab-b.example", None, "2026-01-01T03:00:00Z"),
            (2, "lab-c.example", "2026-01-01T00:00:00Z", None),
            (3, "lab-d.example", None, "2999-01-01T03:00:00Z"),
        ]
        store.transaction_now(lambda db: db.conn.executemany(insert, rows) and None)
    found = await the(place, "jobs")
    assert (found.state, found.words.startswith("Job 1 with lab-b.example")) == ("warning", True)


def probe(fault: Any) -> ProbeResult:
    return ProbeResult(lab=f"lab-{fault}.example", fault=fault, words="words", mend="")


@pytest.mark.parametrize(
    ("faults", "state"),
    [
        (["clock"], "fault"),
        (["clock", None], "ok"),
        (["consortium_key"], "ok"),
        (["no_route", "protocol"], "warning"),
        ([], "warning"),
    ],
)
def test_the_clock_is_judged_by_the_peers_that_were_asked_for_it(faults: list[Any], state: str) -> None:
    assert of_clock([probe(fault) for fault in faults]).state == state


async def test_a_running_node_and_its_peers(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    async with b.running():
        async with a.running() as node:
            cards = [(await each.ask(lambda client: client.card()))["card"] for each in (a, b)]
            await a.ask(lambda client: client.add_peer(cards[1]))
            (peer,) = of(await examine(a.settings, system_clock), "peers")
            assert (peer.state, "does not accept this lab's certificate" in peer.words) == ("warning", True)
            await b.ask(lambda client: client.add_peer(cards[0]))
            found = await examine(a.settings, system_clock)
            (peer,) = of(found, "peers")
            assert "No consortium key in common" in peer.words
            assert [each.state for each in of(found, "ports")] == ["ok", "ok"]
            assert [each.state for each in of(found, "clock")] == ["ok"]
            assert [each.state for each in of(found, "node")] == ["ok"]
            node.services.log.refusal = "the log was set back"
            (refusing,) = of(await examine(a.settings, system_clock), "node")
            assert (refusing.state, "the log was set back" in refusing.words) == ("fault", True)
        changed = Settings.checked(
            a.data_dir, {**a.settings.model_dump(exclude={"data_dir"}), "admin_listen": "127.0.0.1:1"}
        )
        with Store.open(a.data_dir, system_clock):
            ports = of(await examine(changed, system_clock), "ports")
        assert [each.state for each in ports] == ["fault", "fault"]
    (peer,) = of(await examine(a.settings, system_clock), "peers")
    assert "listens at" in peer.mend
