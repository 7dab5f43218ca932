"""One import into a new store, as a node runs it. Arguments: FILE FOLDER PROCESSES."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.children import own_cpu_seconds, peak_rss
from psi_core.identity.node_keys import NodeKeys
from psi_core.native_core import available
from psi_service.clock import system_clock
from psi_service.imports.importer import Importer
from psi_service.log.node_log import NodeLog
from psi_service.store.database import DATABASE_FILE, Store

LAB = "lab-a.example"
_PIECE = 1 << 16


async def _pieces(source: Path) -> AsyncIterator[bytes]:
    with source.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


async def _key() -> tuple[str, bytes]:
    return "0123456789abcdef", bytes(range(32))


async def measure(source: Path, folder: Path, processes: int) -> None:
    """Time the import from its first byte to the last commit, start of the worker processes included."""
    keys = NodeKeys.generate(LAB, system_clock())
    with Store.open(folder, system_clock) as store:
        log = NodeLog(store, keys.log, folder / "head", system_clock)
        await log.verify_at_start()
        importer = Importer(
            store, log, system_clock, data_key=keys.data_key, current_key=_key, processes=processes
        )
        begun, cpu = time.perf_counter(), own_cpu_seconds()
        report = await importer.run(_pieces(source), name=source.name)
        seconds = time.perf_counter() - begun
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    found = {
        "seconds": seconds,
        "cpu_seconds": own_cpu_seconds() - cpu,
        "kept": report.kept,
        "refused": report.refused,
        "derived": report.derived,
        "actors": report.actors,
        "bytes": (folder / DATABASE_FILE).stat().st_size,
        "peak_rss_bytes": peak_rss() + processes * worker,
        "native_core": available(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(measure(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
