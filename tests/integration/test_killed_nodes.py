"""Two nodes in processes of their own, one of them killed (SIGKILL) at each step of a session, over gRPC."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from psi_client.audit.auditor import Auditor
from psi_client.audit.keys import read_keys
from psi_client.node_client import NodeClient

from psi_core.errors import PsiError
from psi_core.identity.card import Card
from psi_core.log.note import Note
from psi_service.clock import system_clock
from psi_service.key_files import read_keys as read_private_keys
from psi_service.log.export import export_log
from psi_service.log.node_log import NodeLog
from psi_service.sessions.progress import Phase
from psi_service.store.database import Store
from tests.two_nodes import LABS, Place, introduce, places

EMAIL = {"match_key": "email", "max_size": 5_000, "evaluations_per_period": 500_000}
# What `psi-node serve` does, and a step at which the process kills itself.
SERVE = """
import asyncio, os, pathlib, signal, sys
from psi_service.app import serve
from psi_service.clock import system_clock
from psi_service.journal import open_journal
from psi_service.sessions.progress import Progress
from psi_service.settings import Settings

enter, fatal = Progress.enter, sys.argv[2]

def entering(self, phase):
    if phase == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    enter(self, phase)

Progress.enter = entering
open_journal()
settings = Settings.load(pathlib.Path(sys.argv[1]))
asyncio.run(serve(settings, system_clock, lambda node: print("started", flush=True)))
"""


class Process:
    """A node's process, which may be made to kill itself at a step."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def start(self, fatal: str = "") -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVE, str(self.place.data_dir), fatal),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        assert await self.process.stdout.readline() == b"started\n"

    async def died(self) -> None:
        assert await asyncio.wait_for(self.process.wait(), 30) == -signal.SIGKILL

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            assert await asyncio.wait_for(self.process.wait(), 30) == 0


async def match(a: Place, direction: str) -> dict[str, Any]:
    def follow(client: NodeClient) -> dict[str, Any]:
        *_, last = client.follow(client.match(LABS[1], direction=direction))
        return dict(last["session"])

    return await a.ask(follow)


async def match_to_the_end(a: Place, direction: str) -> dict[str, Any]:
    """As people do: a refusal `counter` (the killed node never saw the last offer) is followed by another try."""
    view = await match(a, direction)
    if view["state"] == "refused" and "counter" in view["reason"]:
        view = await match(a, direction)
    return view


# Every step, side and direction is in tests/unit/psi_service/sessions; here are those where most is at stake.
STEPS = [
    ("a", Phase.OFFERED, "both"),
    ("b", Phase.ACCEPTED, "initiator"),
    ("b", Phase.BARRIER, "both"),
    ("a", Phase.COMPLETING, "responder"),
    ("b", Phase.RESULTS, "both"),
    ("a", Phase.SIGNED, "both"),
    ("b", Phase.SIGNED, "initiator"),
]


async def test_a_node_killed_at_each_step_loses_nothing_and_the_next_session_runs(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    nodes = {"a": Process(a), "b": Process(b)}
    for node in nodes.values():
        await node.start()
    try:
        await introduce(a, b, [EMAIL], padding_bucket=64, late_abort_limit=100)
        for place, mine in ((a, "ada"), (b, "bob")):
            file = place.data_dir / "list.csv"
            file.write_text(f"actor,kind,value\n{mine},email,{mine}@x.org\nshared,email,shared@x.org\n")
            await place.ask(lambda client, file=file: client.import_file(file))
        for side, step, direction in STEPS:
            victim = nodes[side]
            await victim.stop()
            await victim.start(step)
            try:
                await match(a, direction)
            except PsiError:
                assert side == "a", "only the killed node may fail to answer"
            await victim.died()
            await victim.start()
            view = await match_to_the_end(a, direction)
            assert view["state"] == "complete", (side, step, view["reason"])
    finally:
        for node in nodes.values():
            await node.stop()
    await check_books(tmp_path, a, b)


async def check_books(folder: Path, a: Place, b: Place) -> None:
    """Both stores agree on every session, nothing is half shown, and both logs pass an offline audit."""
    rows, exports, keys = [], [], []
    for place in (a, b):
        settings = place.settings
        with Store.open(place.data_dir, system_clock) as store:
            found = store.query_now(lambda db: list(db.query("SELECT * FROM sessions")))
            shown = store.query_now(
                lambda db: list(db.query("SELECT DISTINCT session_id FROM session_matches"))
            )
            rows.append({row["session_id"]: row for row in found})
            complete = {row["session_id"] for row in found if row["state"] == "complete"}
            assert {row["session_id"] for row in shown} <= complete
            log = NodeLog(
                store,
                read_private_keys(settings.keys_dir, settings.lab).log,
                settings.head_path,
                system_clock,
            )
            await log.verify_at_start()
            exports.append(folder / f"export-{settings.lab}")
            await export_log(store, log, exports[-1])
        card = Card.read((place.data_dir / "card").read_bytes())
        keys += [card.log_key, card.document_key]
    assert not {row["state"] for each in rows for row in each.values()} - {"complete", "aborted", "refused"}
    for session_id in rows[0].keys() & rows[1].keys():
        left, right = rows[0][session_id], rows[1][session_id]
        assert (left["state"] == "complete") == (right["state"] == "complete")
        if left["state"] == "complete":
            assert Note.parse(left["record"]).text == Note.parse(right["record"]).text
    trusted = folder / "keys"
    trusted.write_text("".join(f"{key}\n" for key in keys))
    report = Auditor(read_keys(trusted, outside=exports)).verify(exports)
    report.check()
