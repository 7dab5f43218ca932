"""A node in a process of its own, as `psi-node serve` runs it; it may be made to kill itself at a step of a session.

A step is a phase, or `CHUNK 5`, `OWN 5`: the process dies once it has kept so many of these records of a run that may
go on. `chunk`: items of a chunk of engine `oprf`.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from tests.two_nodes import Place

# What `psi-node serve` does, and a step at which the process kills itself.
SERVE = """
import asyncio, os, pathlib, signal, sys
from psi_service.node.app import serve
from psi_service.clock import system_clock
from psi_service.watching.journal import open_journal
from psi_service.sessions.progress import Progress
from psi_core.engines.oprf import chunks
from psi_service.sessions.resumption_file import ResumptionFile
from psi_service.settings import Settings

if sys.argv[3] != "0":
    chunks.CHUNK = int(sys.argv[3])
enter, fatal = Progress.enter, sys.argv[2]

def entering(self, phase):
    if phase == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    enter(self, phase)

Progress.enter = entering
append, kept = ResumptionFile.append, []

def appending(self, kind, *record, **how):
    append(self, kind, *record, **how)
    kept.append(kind.name)
    if f"{kind.name} {kept.count(kind.name)}" == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

ResumptionFile.append = appending
open_journal()
settings = Settings.load(pathlib.Path(sys.argv[1]))
asyncio.run(serve(settings, system_clock, lambda node: print("started", flush=True)))
"""


class NodeProcess:
    """Start it, stop it, start it again; what it writes to its journal is in the lab's folder."""

    def __init__(self, place: Place, *, chunk: int = 0) -> None:
        self.place = place
        self._chunk = chunk

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def start(self, fatal: str = "") -> None:
        with (self.place.data_dir / "journal").open("a") as journal:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", SERVE, str(self.place.data_dir), fatal, str(self._chunk)),
                stdout=asyncio.subprocess.PIPE,
                stderr=journal,
            )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"started\n"

    async def died(self) -> None:
        assert await asyncio.wait_for(self._process.wait(), 60) == -signal.SIGKILL

    async def stop(self) -> None:
        """In order; a node that has died, and was not started again, is left as it is."""
        if self.running:
            self._process.terminate()
            assert await asyncio.wait_for(self._process.wait(), 60) == 0
