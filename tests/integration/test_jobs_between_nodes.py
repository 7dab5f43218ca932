"""Jobs on two real nodes: a run by hand, one that was missed while down, somebody told, a peer that is away."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from psi_client.node_client import NodeClient
from psi_core.errors import InputError, NotFound
from psi_service.node.app import Node
from tests.two_nodes import LABS, Place, introduce, places

EMAIL = {"match_key": "email", "max_size": 50_000, "evaluations_per_period": 100_000}


class Ahead:
    """The host's clock, and more."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


async def import_actors(place: Place, *names: str) -> None:
    file = place.data_dir / "list.csv"
    file.write_text("actor,kind,value\n" + "".join(f"acct-{name},email,{name}@x.org\n" for name in names))
    await place.ask(lambda client: client.import_file(file))


async def over(place: Place, job: int, *, after: int | None = None) -> dict[str, Any]:
    """The job once it has run (after the run `after`) and nothing of it goes on."""

    def wait(client: NodeClient) -> dict[str, Any]:
        found = client.wait_for_job(job)
        while found["running"] or found["last"] is None or found["last"]["id"] == after:
            found = client.wait_for_job(job)
        return found

    async with asyncio.timeout(60):
        return await place.ask(wait)


async def jobs_begun(node: Node) -> None:
    """The node has asked its peers, and its jobs are alive."""
    async with asyncio.timeout(20):
        while node._jobs.scheduler._stopped:  # noqa: ASYNC110 -- another task's doing
            await asyncio.sleep(0.02)


async def test_a_job_from_its_making_to_a_peer_that_is_away(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    out, clock = tmp_path / "told.json", Ahead()
    script = f"import json,os; json.dump(dict(os.environ), open({str(out)!r}, 'w'))"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)}"
    async with b.running(clock):
        async with a.running(clock) as node:
            with pytest.raises(NotFound):
                await a.ask(lambda client: client.add_job(LABS[1], "@daily"))
            await introduce(a, b, [EMAIL])
            await import_actors(a, "ada", "bob")
            await import_actors(b, "bob", "cyd")
            await jobs_begun(node)
            with pytest.raises(InputError, match="match key not agreed"):
                await a.ask(lambda client: client.add_job(LABS[1], "@daily", match_keys=["iban"]))
            with pytest.raises(InputError, match="engine"):
                await a.ask(lambda client: client.add_job(LABS[1], "@daily", engine="magic"))
            made = await a.ask(lambda client: client.add_job(LABS[1], "0 */2 * * *", on_new=command))
            job = made["id"]
            begun = await a.ask(lambda client: client.run_job(job))
            last = (await over(a, job))["last"]
            assert (last["id"], last["state"], last["actors"], last["new"]) == (begun["id"], "done", 1, 1), (
                last
            )
            assert last["told"] == "told"
            told = json.loads(out.read_text())
            assert (told["PSI_JOB_NEW"], told["PSI_JOB_PEER"]) == ("1", LABS[1])
            assert told["PSI_JOB_SESSION"] == last["session_id"]
            rows = await a.ask(lambda client: client.matches(session=last["session_id"]))
            assert [row["actor"] for row in rows] == ["acct-bob"]
        # Down for five hours; the other lab has learnt of one more meanwhile.
        await import_actors(b, "ada")
        clock.by = timedelta(hours=5)
        async with a.running(clock):
            found = await over(a, job, after=begun["id"])
            caught_up = found["last"]
            assert (caught_up["state"], caught_up["asked"], caught_up["new"]) == ("done", False, 1), found
            assert found["misfires"] == found["dues"] == caught_up["covers"]
            assert found["dues"] in (2, 3)
            log = [entry async for entry in entries(a)]
    assert [body["action"] for body in log if body["action"].startswith("job")] == ["job-added"]
    async with a.running(clock) as node:
        await jobs_begun(node)
        await a.ask(lambda client: client.run_job(job))
        away = (await over(a, job, after=caught_up["id"]))["last"]
        assert (away["state"], away["code"], away["attempts"]) == ("failed", "peer-unreachable", 1)
        await a.ask(lambda client: client.remove_job(job))
        assert await a.ask(NodeClient.jobs) == []


async def entries(place: Place) -> Any:
    """Bodies of the log's admin entries."""
    folder = place.data_dir / "log-copy"
    await place.ask(lambda client: client.export_log(folder))
    for bundle in sorted((folder / "tile" / "entries").rglob("*")):
        if bundle.is_file():
            data = bundle.read_bytes()
            while data:
                length = int.from_bytes(data[:2], "big")
                entry, data = json.loads(data[2 : 2 + length]), data[2 + length :]
                if entry["kind"] == "admin":
                    yield entry["body"]
