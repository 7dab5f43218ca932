"""Three nodes, thirty jobs each, faults of every kind, nodes that go down: every due time is accounted for."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

from psi_core.errors import EngineFault, PeerUnreachable, Refused
from psi_service.jobs.schedule import Schedule
from psi_service.jobs.sessions import Ended
from psi_service.jobs.wishes import Wishes
from tests.job_world import START, JobNode, Script, World, session_of

LABS = ("lab-a.example", "lab-b.example", "lab-c.example")
JOBS = 30
SPAN = timedelta(hours=26)
# Node, when it goes down, for how long.
DOWN = (
    ("lab-a.example", timedelta(hours=3, seconds=4), timedelta(hours=5)),
    ("lab-b.example", timedelta(hours=9, minutes=59, seconds=58), timedelta(minutes=20)),
    ("lab-b.example", timedelta(hours=20), timedelta(hours=2, seconds=1)),
)


def script_of(world: World, chance: random.Random) -> Script:
    """Sessions as they come: most go well, some are long, refused, cut off, or break."""

    async def one(wishes: Wishes) -> Ended:
        await world.sleep(chance.choice([1, 5, 30, 30, 400]))
        how = chance.random()
        if how < 0.06:
            return Ended(None, Refused("concurrent", "a session is open", by=wishes.peer))
        if how < 0.10:
            return Ended(None, Refused("counter", "the counter is behind", by=wishes.peer))
        if how < 0.14:
            return Ended(None, Refused("minimum_interval", "wait", by=wishes.peer))
        if how < 0.18:
            return Ended(session_of(wishes, state="aborted", reason="cut"), PeerUnreachable("cut"))
        if how < 0.20:
            return Ended(session_of(wishes, state="aborted", late=True), EngineFault("a bad frame"))
        return Ended(session_of(wishes))

    return one


def crons(chance: random.Random) -> list[tuple[str, str]]:
    """Thirty schedules: daily ones at crowded hours, some more often, in several zones."""
    zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
    often = ["0 * * * *", "*/40 * * * *", "15 */3 * * *", "0 0-23/2 * * *"]
    daily = [f"{chance.choice([0, 0, 30])} {chance.randrange(24)} * * *" for _ in range(JOBS - len(often))]
    return [(cron, chance.choice(zones)) for cron in often + daily]


def windows(lab: str) -> list[tuple[timedelta, timedelta]]:
    return [(begin, begin + lasts) for each, begin, lasts in DOWN if each == lab]


async def test_every_due_time_is_accounted_for(tmp_path: Path) -> None:
    chance = random.Random(20261124)  # noqa: S311 -- a script, no secret
    world = World()
    nodes = {lab: await JobNode(world, tmp_path / lab, lab).up() for lab in LABS}
    timetable: dict[tuple[str, int], Schedule] = {}
    for lab, node in nodes.items():
        node.sessions.script = script_of(world, chance)
        peers = [peer for peer in LABS if peer != lab]
        for number, (cron, zone) in enumerate(crons(chance)):
            # Few agreements for many jobs: they have to wait for each other.
            wishes = {"agreement": f"{number % 4:064x}", "engine": f"of {number}"}
            job = await node.add(cron, peer=peers[number % 2], zone=zone, **wishes)
            timetable[lab, job] = Schedule(cron, zone)
    for lab, begin, lasts in DOWN:
        world.at(START + begin, nodes[lab].down)
        world.at(START + begin + lasts, nodes[lab].up)
    # A peer that nobody reaches for a night.
    away = timedelta(hours=12), timedelta(hours=21)
    for node in nodes.values():
        world.at(START + away[0], lambda node=node: node.sessions.away.add(LABS[2]))
        world.at(START + away[1], lambda node=node: node.sessions.away.discard(LABS[2]))
    await world.until(START + SPAN)
    for node in nodes.values():
        for job in await node.jobs.list():
            await node.jobs.pause("token 1", job.id)
    await world.forward(hours=2)

    ends = Counter[str]()
    for (lab, job), schedule in timetable.items():
        node = nodes[lab]
        due, dues = START, []
        while (due := schedule.next_after(due)) <= START + SPAN:
            dues.append(due - START)
        runs = node.runs(job)
        overlaps = node.column("overlaps", job)
        assert node.column("dues", job) == len(dues)
        assert sum(run.covers for run in runs) + overlaps == len(dues)
        missed = [
            due
            for due in dues
            for begin, end in windows(lab)
            if begin <= due < end and end - due > timedelta(minutes=1)
        ]
        assert node.column("misfires", job) == len(missed)
        assert all(run.finished is not None for run in runs)
        # The newest due time has its own run, unless the run before was still going on.
        if dues and not overlaps:
            assert max(run.due for run in runs) == f"{START + dues[-1]:%Y-%m-%dT%H:%M:%SZ}"
        ends.update({run.state: run.times for run in runs})
    assert {"done", "refused", "failed", "interrupted"} <= set(ends)
    for node in nodes.values():
        await node.down()


async def test_a_peer_away_for_a_night_is_one_row_for_each_job_that_dials_it(tmp_path: Path) -> None:
    world = World()
    node = await JobNode(world, tmp_path / "a").up()
    jobs = [await node.add("*/45 * * * *", agreement=f"{number:064x}") for number in range(10)]
    node.sessions.away.add("lab-b.example")
    await world.forward(hours=6, minutes=40)
    for job in jobs:
        (row,) = node.runs(job)
        assert (row.state, row.times) == ("failed", node.column("dues", job))
    await node.down()
