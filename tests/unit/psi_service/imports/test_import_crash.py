"""A node killed in mid-import: the store is whole, the log verifies, no worker stays, the next import runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from psi_core.log.entry import Entry
from psi_core.log.key import Signer
from psi_service.imports.importer import Importer
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

SIGNER = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))

# Imports rows without end; says after each batch how many rows are kept, and once who its workers are.
SCRIPT = """
import asyncio, multiprocessing, sys
from pathlib import Path
from psi_core.log.key import Signer
from psi_service.clock import system_clock
from psi_service.imports.importer import Importer
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

async def rows():
    yield b"actor,kind,value\\n"
    for n in range(10**9):
        yield b"".join(b"acct-%d,asn,%d\\n" % (n, 1 + n * 100 + each) for each in range(100))

async def key():
    return "0123456789abcdef", bytes(range(32))

def told(progress):
    workers = [str(child.pid) for child in multiprocessing.active_children()]
    print(progress.kept, *workers, flush=True)

async def main(folder, strict):
    store = Store.open(folder / "data", system_clock)
    log = NodeLog(store, Signer.from_seed("lab-a.example/psi-log", bytes(range(32))), folder / "head", system_clock)
    await log.verify_at_start()
    await store.transaction(lambda db: log.append(db, "admin", {"action": "start"}))
    importer = Importer(store, log, system_clock, data_key=bytes(32), current_key=key, processes=2)
    await importer.run(rows(), name="endless.csv", strict=strict, progress=told)

if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] == "strict"))
"""


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


async def _key() -> tuple[str, bytes]:
    return "0123456789abcdef", bytes(range(32))


async def _few_rows() -> AsyncIterator[bytes]:
    yield b"actor,kind,value\nacct-0,asn,1\n"


def _kill_in_mid_import(folder: Path, strict: bool) -> tuple[int, list[int]]:
    """Run the script until it has kept some thousands of rows, kill it; rows that it told, pids of its workers."""
    script = folder / "node.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(folder), "strict" if strict else "loose"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        kept, workers = 0, [""]
        while kept < 8000:
            line = process.stdout.readline().split()
            assert line, "the script ended by itself"
            kept, workers = int(line[0]), line[1:]
        process.send_signal(signal.SIGKILL)
    return kept, [int(pid) for pid in workers]


def _ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def _wait_for_the_end_of(workers: list[int]) -> None:
    deadline = time.monotonic() + 20
    while not all(_ended(pid) for pid in workers):
        assert time.monotonic() < deadline, "workers outlive their node"
        time.sleep(0.05)


def _check(db: Database) -> dict[str, int]:
    assert db.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert db.conn.execute("PRAGMA foreign_key_check").fetchall() == []
    return {name: int(db[name].count) for name in ("actors", "indicators", "staged_indicators")}


@pytest.mark.parametrize("strict", [False, True], ids=["loose", "strict"])
async def test_killed_in_mid_import(tmp_path: Path, strict: bool) -> None:
    kept, workers = _kill_in_mid_import(tmp_path, strict)
    assert workers
    _wait_for_the_end_of(workers)

    with Store.open(tmp_path / "data", clock) as store:
        log = NodeLog(store, SIGNER, tmp_path / "head", clock)
        await log.verify_at_start()
        assert log.refusal is None
        counts = await store.query(_check)
        importer = Importer(store, log, clock, data_key=bytes(32), current_key=_key, processes=1)
        assert await importer.recover_at_start() == 1
        assert await importer.recover_at_start() == 0
        if strict:
            assert counts["staged_indicators"] >= kept
            assert await store.query(_check) == {"actors": 0, "indicators": 0, "staged_indicators": 0}
        else:
            assert counts["indicators"] >= kept
            assert counts["staged_indicators"] == 0
        row = await store.query(lambda db: next(iter(db["imports"].rows)))
        assert (row["state"], row["indicators"]) == ("failed", 0 if strict else counts["indicators"])
        assert (await importer.run(_few_rows(), name="again.csv")).kept == 1
        states = [Entry.decode(entry).body.get("state") for entry in await log.entries(0, 10)]
        assert states == [None, "failed", "done"]
        await log.verify_at_start()
        assert log.refusal is None
