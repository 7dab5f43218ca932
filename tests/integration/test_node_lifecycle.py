"""A whole node: what it does between start and stop, and what it does when something is wrong at the start."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from psi_client.node_client import NodeClient
from psi_core.errors import InvalidConfiguration, NodeRefusing, PeerUnreachable, StoreLocked
from psi_service.clock import system_clock
from psi_service.node.app import Node, build
from psi_service.sessions.progress import PHASES
from psi_service.store.database import Store
from tests.two_nodes import LABS, Place, introduce, places

EMAIL = {"match_key": "email", "max_size": 50_000, "evaluations_per_period": 100_000}
# What `psi-node serve` does, without its command line.
SERVE = """
import asyncio, pathlib, sys
from psi_service.node.app import serve
from psi_service.clock import system_clock
from psi_service.watching.journal import open_journal
from psi_service.settings import Settings
open_journal()
settings = Settings.load(pathlib.Path(sys.argv[1]))
asyncio.run(serve(settings, system_clock, lambda node: print("started", flush=True)))
print("stopped", flush=True)
"""


async def import_actors(place: Place, *names: str) -> dict[str, Any]:
    file = place.data_dir / "list.csv"
    file.write_text("actor,kind,value\n" + "".join(f"acct-{name},email,{name}@x.org\n" for name in names))
    return await place.ask(lambda client: client.import_file(file))


async def match(place: Place) -> list[dict[str, Any]]:
    return await place.ask(lambda client: list(client.follow(client.match(LABS[1]))))


async def until(node: Node, condition: Callable[[Node], object]) -> None:
    async with asyncio.timeout(20):
        while not condition(node):  # noqa: ASYNC110 -- the condition is another task's doing
            await asyncio.sleep(0.02)


async def test_two_labs_match_and_a_node_that_was_set_back_behind_its_peers_back_refuses(
    tmp_path: Path,
) -> None:
    a, b = await places(tmp_path)
    async with b.running():
        async with a.running():
            await introduce(a, b, [EMAIL])
            assert (await import_actors(a, "ada", "bob"))["kept"] == 2
            assert (await import_actors(b, "bob", "cyd"))["kept"] == 2
        shutil.copytree(a.data_dir, tmp_path / "backup")
        async with a.running():
            standings = await match(a)
            last = standings[-1]["session"]
            assert (last["state"], last["lanes"][0]["matched"]) == ("complete", 1), last
            # How many of the phases a poll sees is chance; their order is not.
            seen = [standing["phase"] for standing in standings[:-1]]
            assert seen == [phase for phase in PHASES if phase in seen]
            log = await a.ask(NodeClient.log)
        with pytest.raises(PeerUnreachable, match="no node answers"):
            await a.ask(NodeClient.status)
        async with a.running():
            assert await a.ask(NodeClient.log) == log == {**log, "refusal": None}
            assert (await match(a))[-1]["session"]["counter"] == 2
        # The whole folder is put back, head file and all: only the peer knows better.
        shutil.rmtree(a.data_dir)
        shutil.copytree(tmp_path / "backup", a.data_dir)
        async with a.running() as node:
            await until(node, lambda node: node.services.log.refusal)
            status = await a.ask(NodeClient.status)
            assert "the copy at lab-b.example has" in status["log"]["refusal"]
            with pytest.raises(NodeRefusing, match="Put the newest database back"):
                await match(a)


async def test_a_database_behind_its_head_file_answers_reads_and_signs_nothing(tmp_path: Path) -> None:
    a, _ = await places(tmp_path)
    shutil.copy(a.data_dir / "node.db", tmp_path / "old.db")
    async with a.running():
        await a.ask(lambda client: client.create_consortium("abuse sharing"))
    shutil.copy(tmp_path / "old.db", a.data_dir / "node.db")
    for beside in ("node.db-wal", "node.db-shm"):
        (a.data_dir / beside).unlink(missing_ok=True)
    async with a.running():
        status = await a.ask(NodeClient.status)
        assert "the log was set back: the head file" in status["log"]["refusal"]
        assert (await a.ask(NodeClient.card))["lab"] == LABS[0]
        assert await a.ask(NodeClient.tokens)
        refused: list[Callable[[NodeClient], object]] = [
            lambda client: client.create_consortium("again"),
            lambda client: client.create_token("Ada", "analyst"),
            lambda client: client.import_file(a.data_dir / "psi.toml"),
            NodeClient.log_checkpoint,
        ]
        for question in refused:
            with pytest.raises(NodeRefusing, match="nothing is signed until then"):
                await a.ask(question)


async def test_a_store_has_one_owner_at_a_time(tmp_path: Path) -> None:
    a, _ = await places(tmp_path)
    async with a.running():
        with pytest.raises(StoreLocked, match=f"in use by process {os.getpid()}"):
            build(a.settings, system_clock)
    async with a.running():
        pass


@pytest.mark.parametrize("port", ["peer_listen", "admin_listen"])
async def test_a_port_that_is_taken_is_named_and_leaves_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    a, b = await places(tmp_path)
    async with a.running():
        with monkeypatch.context() as taken:
            taken.setenv(f"PSI_{port.upper()}", getattr(a.settings, port))
            with pytest.raises(InvalidConfiguration, match=f"{getattr(a.settings, port)}.*[Ss]et {port}"):
                async with b.running():
                    pass
        async with b.running():
            assert (await b.ask(NodeClient.status))["lab"] == LABS[1]


async def test_a_card_with_another_address_is_noticed_before_the_store_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _ = await places(tmp_path)
    monkeypatch.setenv("PSI_PEER_ADDRESS", "psi.lab-a.example:7443")
    with pytest.raises(InvalidConfiguration, match="peers dial"):
        build(a.settings, system_clock)
    with Store.open(a.data_dir, system_clock):
        pass


def is_engine_worker(pid: int) -> bool:
    try:
        return b"openmined_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


class Served:
    """A node in a process of its own."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVE, str(self.place.data_dir)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        if await self.process.stdout.readline() != b"started\n":
            raise AssertionError((await self.process.communicate())[1].decode())

    def engine_workers(self) -> list[int]:
        """Process ids of its engine's children that live."""
        of = Path(f"/proc/{self.process.pid}/task")
        children = [int(pid) for each in of.iterdir() for pid in (each / "children").read_text().split()]
        return [pid for pid in children if is_engine_worker(pid)]

    async def stop(self, number: signal.Signals) -> tuple[int, str, str]:
        """Send a signal and wait: exit code, what came after `started`, the journal."""
        self.process.send_signal(number)
        out, err = await asyncio.wait_for(self.process.communicate(), 30)
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()


async def test_sigterm_in_mid_session_aborts_it_in_both_logs_and_ends_everything(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    served = Served(a)
    await served.start()
    async with b.running():
        # Few actors, padded so far that the engine is busy for a while.
        await introduce(a, b, [EMAIL], padding_bucket=8192)
        await import_actors(a, "ada", "bob")
        await import_actors(b, "bob", "cyd")
        session_id = await a.ask(lambda client: client.match(LABS[1], engine="openmined"))

        def until_opening(client: NodeClient) -> dict[str, Any]:
            return next(
                each for each in client.follow(session_id) if each["phase"] == "opening" or each["over"]
            )

        assert not (await a.ask(until_opening))["over"]
        async with asyncio.timeout(20):
            while not (workers := served.engine_workers()):  # noqa: ASYNC110 -- another process' doing
                await asyncio.sleep(0.02)
        code, out, journal = await served.stop(signal.SIGTERM)
        assert (code, out) == (0, "stopped\n"), journal
        assert not [pid for pid in workers if is_engine_worker(pid)]
        theirs = await b.ask(lambda client: list(client.follow(session_id))[-1]["session"])
        assert (theirs["state"], theirs["late"]) == ("aborted", False)
        assert "the node is stopping" in theirs["reason"]
        with Store.open(a.data_dir, system_clock) as store:
            (row,) = store.query_now(lambda db: list(db.query("SELECT * FROM sessions")))
            kinds = [
                kind
                for (kind,) in store.query_now(
                    lambda db: db.execute("SELECT kind FROM log_entries").fetchall()
                )
            ]
        assert (row["state"], row["record"]) == ("aborted", None)
        assert kinds.count("abort") == 1
        assert "offer" in kinds
        async with a.running():
            assert (await match(a))[-1]["session"]["state"] == "complete"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_node_stops_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    a, _ = await places(tmp_path)
    served = Served(a)
    await served.start()
    code, out, journal = await served.stop(number)
    assert (code, out) == (0, "stopped\n"), journal
    assert not [line for line in journal.splitlines() if json.loads(line)["level"] == "error"]
