"""What is left when a process dies in the middle of a way out, or when an old backup meets a newer log."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from psi_client.node_client import NodeClient
from psi_core.errors import NodeRefusing
from psi_service.backup.making import make_backup
from psi_service.backup.restoring import planned, restore
from psi_service.clock import system_clock
from psi_service.identity.key_files import read_keys
from psi_service.log.export import export_log
from psi_service.log.node_log import NodeLog
from psi_service.log.past import export_past
from psi_service.node.reach import node_without_ports
from psi_service.store.database import Store
from psi_service.store.reading import reading
from tests.lost_logs import (
    NEW,
    OLD,
    SECRET,
    behind,
    content,
    lose,
    match,
    new_start,
    pinned_anew,
    ready,
    rotate,
)
from tests.two_nodes import LABS, Place


async def test_a_backup_from_before_a_rotation_leaves_the_newer_log(tmp_path: Path) -> None:
    a, b = await ready(tmp_path)
    backup = make_backup(a.settings, tmp_path / "backup", SECRET, system_clock).file
    await rotate(a, uncosigned=True)
    with planned(a.data_dir, backup, SECRET) as plan:
        assert restore(plan, system_clock).kept_log
    async with a.running(), b.running():
        log = await a.ask(NodeClient.log)
    assert (log["origin"], log["refusal"]) == (NEW, None)
    with reading(a.data_dir) as db:
        assert export_past(db, OLD, tmp_path / "old").size > 0


@pytest.mark.parametrize("head", ["kept", "lost"])
async def test_a_node_from_before_its_rotation_does_not_go_on_with_the_closed_log(
    tmp_path: Path, head: str
) -> None:
    a, b = await ready(tmp_path)
    backup = make_backup(a.settings, tmp_path / "backup", SECRET, system_clock).file
    async with b.running() as node_b:
        await node_b._mirrors.stop()
        # lab-b keeps the old log with the entry that closes it; only then does the new one begin.
        with pytest.MonkeyPatch.context() as dying:
            dying.setattr("psi_service.recovery.renewing.begin_log", _die)
            with pytest.raises(KeyboardInterrupt):
                await rotate(a)
        closed = Place(tmp_path / "closed")
        shutil.copytree(a.data_dir, closed.data_dir)
        await rotate(a)
        kept_head = a.settings.head_path.read_bytes()
        lose(a, backup)
        if head == "kept":
            a.settings.head_path.write_bytes(kept_head)
        async with node_without_ports(a.settings, system_clock) as node:
            assert node.services.log.refusal
        made = await _exported_closed(closed, tmp_path / "old")
        async with node_without_ports(a.settings, system_clock) as node:
            with pytest.raises(NodeRefusing, match="psi-node log new-start"):
                await node.recovering.recover((made,), ())
        done = await new_start(a, number=3)
        assert done.origin == "lab-a.example/psi-log/3"
        async with a.running():
            await pinned_anew(b, a)
            assert (await match(a, LABS[1], engine="oprf"))["state"] == "complete"


def _die(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


async def _exported_closed(place: Place, folder: Path) -> Path:
    """An export of a log that was closed, and not put away yet."""
    with Store.open(place.data_dir, system_clock) as store:
        keys = read_keys(place.settings.keys_dir, LABS[0])
        log = NodeLog(store, keys.log, place.settings.head_path, system_clock)
        await store.transaction(log.resume)
        await export_log(store, log, folder)
    return folder


KILLED = """
import asyncio, os, pathlib, signal, sys
import psi_service.{module} as module
from psi_service.clock import system_clock
from psi_service.node.reach import node_without_ports
from psi_service.settings import Settings
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
module.{name} = die
async def main():
    async with node_without_ports(Settings.load(pathlib.Path(sys.argv[1])), system_clock) as node:
        await node.{call}
asyncio.run(main())
"""


async def killed(place: Place, module: str, name: str, call: str) -> None:
    """Run a way out in a process of its own that is killed where it would call `name`."""
    script = KILLED.format(module=module, name=name, call=call)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(place.data_dir))
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


async def test_a_process_that_is_killed_leaves_what_the_next_one_finishes(tmp_path: Path) -> None:
    a, b = await behind(tmp_path)
    before = content(a)
    async with b.running() as node_b:
        await node_b._mirrors.stop()
        for point in ("adopt_agreements", "withheld"):
            await killed(a, "recovery.writing", point, "recovering.recover((), ())")
            assert content(a) == before
        # Killed behind the commit, before the head file is written.
        await killed(a, "log.node_log", "NodeLog._write_head", "recovering.recover((), ())")
        async with node_without_ports(a.settings, system_clock) as node:
            assert node.services.log.refusal is None
            done = await node.recovering.recover((), ())
        assert done.sessions == 0
        await killed(a, "recovery.next_log", "put_away", "renewing.rotate()")
        assert (await rotate(a)).origin == NEW
        async with a.running():
            await pinned_anew(b, a)
            assert (await match(a, LABS[1], engine="oprf"))["state"] == "complete"
