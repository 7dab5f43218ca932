"""Nodes with jobs in simulated time: real stores and schedulers; alarms, sleeping and sessions are the world's."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psi_core.errors import PeerUnreachable, PsiError
from psi_core.log.key import Signer
from psi_service.jobs import run_rows
from psi_service.jobs.late import late_jobs
from psi_service.jobs.on_new import News, OnNew
from psi_service.jobs.runner import JobRunner
from psi_service.jobs.scheduler import JobScheduler
from psi_service.jobs.service import JobService
from psi_service.jobs.sessions import Ended
from psi_service.jobs.views import RunView
from psi_service.jobs.wishes import Wishes
from psi_service.log.node_log import NodeLog
from psi_service.sessions.views import LaneView, SessionView
from psi_service.store.database import Store

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Terms:
    """All that jobs ask of an agreement."""

    def __init__(self, name: str) -> None:
        self.name = name

    def hash(self) -> bytes:
        return self.name.encode().ljust(32, b".")[:32]


def session_of(wishes: Wishes, **changes: Any) -> SessionView:
    """A complete session in which the only lane matched 3."""
    lane = LaneView(match_key="email", engine="openmined", own_size=64, peer_size=64, matched=3)
    values: dict[str, Any] = {
        "session_id": secrets.token_hex(16),
        "agreement": "7f" * 32,
        "peer": wishes.peer,
        "role": "initiator",
        "state": "complete",
        "direction": "both",
        "reveal": wishes.reveal,
        "period": 0,
        "counter": 1,
        "started": "2026-11-24T09:00:00Z",
        "finished": "2026-11-24T09:00:01Z",
        "reason": None,
        "late": False,
        "lanes": (lane,),
        "actors": 3 if wishes.reveal == "items" else None,
    }
    return SessionView.model_validate(values | changes)


class CountedStore(Store):
    """A store that knows how many calls wait for it."""

    waiting = 0

    async def transaction(self, work: Any) -> Any:
        self.waiting += 1
        try:
            return await super().transaction(work)
        finally:
            self.waiting -= 1

    async def query(self, work: Any) -> Any:
        self.waiting += 1
        try:
            return await super().query(work)
        finally:
            self.waiting -= 1


class World:
    """Time that moves only when nobody has anything left to do."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self.nodes: list[JobNode] = []
        self.open: set[tuple[str, str, bytes]] = set()
        self.events: list[tuple[datetime, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._rings: set[asyncio.Task[None]] = set()

    def clock(self) -> datetime:
        return self.now

    def at(self, moment: datetime, act: Callable[[], object]) -> None:
        heapq.heappush(self.events, (moment, next(self._order), act))

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.at(self.now + timedelta(seconds=seconds), lambda: woken.done() or woken.set_result(None))
        await woken

    def spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._rings.add(task)
        task.add_done_callback(self._rings.discard)

    async def quiet(self) -> None:
        """Until every task waits for time to pass."""
        idle = 0
        while idle < 5:
            if self._rings:
                await asyncio.wait(set(self._rings))
            await asyncio.sleep(0)
            waiting = sum(node.store.waiting for node in self.nodes)
            idle = 0 if waiting or self._rings else idle + 1
            if waiting:
                await asyncio.sleep(0.0005)

    async def until(self, moment: datetime) -> None:
        """Let everything happen that happens up to and at `moment`."""
        await self.quiet()
        while self.events and self.events[0][0] <= moment:
            due, _, act = heapq.heappop(self.events)
            self.now = max(self.now, due)
            made = act()
            if asyncio.iscoroutine(made):
                await made
            await self.quiet()
        self.now = moment

    async def forward(self, **by: float) -> None:
        await self.until(self.now + timedelta(**by))


class WorldAlarms:
    """Alarms that ring in simulated time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.due: dict[int, datetime] = {}
        self.ring: Any = None
        self.look: Any = None

    def start(self, ring: Any, look: Any) -> None:
        self.ring, self.look = ring, look

    def set(self, job: int, due: datetime) -> None:
        self.due[job] = due
        self.world.at(due, lambda: self._ring(job, due))

    def clear(self, job: int) -> None:
        self.due.pop(job, None)

    def stop(self) -> None:
        self.ring = None
        self.due.clear()

    def _ring(self, job: int, due: datetime) -> None:
        if self.ring is not None and self.due.get(job) == due:
            del self.due[job]
            self.world.spawn(self.ring(job))


Script = Callable[[Wishes], Awaitable[Ended]]


@dataclass
class WorldSessions:
    """Sessions that take 10 seconds and go well, unless `script` says otherwise. Holds to one at a time."""

    world: World
    lab: str
    script: Script | None = None
    away: set[str] = field(default_factory=set)
    tried: list[tuple[datetime, Wishes]] = field(default_factory=list)
    settles_to: SessionView | PsiError | None = None

    async def agreement(self, wishes: Wishes) -> Any:
        return Terms(wishes.agreement or f"with {wishes.peer}")

    async def check(self, wishes: Wishes) -> None:
        pass

    async def run(self, wishes: Wishes, agreement: Any) -> Ended:
        self.tried.append((self.world.now, wishes))
        if wishes.peer in self.away:
            return Ended(None, PeerUnreachable(f"no route to {wishes.peer}", fault="no_route"))
        pair = (self.lab, wishes.peer, agreement.hash())
        assert pair not in self.world.open, "two sessions of one agreement and ordered pair at once"
        self.world.open.add(pair)
        try:
            if self.script is not None:
                return await self.script(wishes)
            await self.world.sleep(10)
            return Ended(session_of(wishes))
        finally:
            self.world.open.discard(pair)

    async def settled(self, session: SessionView) -> SessionView:
        if isinstance(self.settles_to, PsiError):
            raise self.settles_to
        return self.settles_to or session


class JobNode:
    """One node: what its jobs stand on, and its ups and downs."""

    def __init__(self, world: World, directory: Path, lab: str = "lab-a.example") -> None:
        self.world = world
        self.directory = directory
        self.lab = lab
        self.sessions = WorldSessions(world, lab)
        self.told: list[tuple[OnNew, News]] = []
        self.answer = "told"
        self.chance = 0.5
        self.signer = Signer.generate(f"{lab}/psi-log")
        world.nodes.append(self)

    async def up(self) -> JobNode:
        self.store = CountedStore.open(self.directory, self.world.clock)
        self.log = NodeLog(self.store, self.signer, self.directory / "head", self.world.clock)
        await self.log.verify_at_start()
        runner = JobRunner(self.sessions, self.world.clock, self.world.sleep, lambda: self.chance)
        self.alarms = WorldAlarms(self.world)
        self.scheduler = JobScheduler(self.store, self.world.clock, self.alarms, runner, self._tell)
        self.jobs = JobService(
            self.store, self.log, self.world.clock, self.sessions, self.scheduler, commands=True
        )
        await self.scheduler.start()
        return self

    async def down(self) -> None:
        await self.scheduler.stop()
        await self.store.close()

    async def add(self, cron: str, peer: str = "lab-b.example", **changes: Any) -> int:
        zone, on_new = changes.pop("zone", "UTC"), changes.pop("on_new", None)
        return (await self.jobs.add("token 1", Wishes(peer, **changes), cron, zone, on_new)).id

    async def late(self, job: int) -> bool:
        """Whether doctor and metrics count it as late."""
        found = await self.store.query(lambda db: late_jobs(db, self.world.now))
        return job in {each.number for each in found}

    def runs(self, job: int) -> tuple[RunView, ...]:
        """Oldest first."""
        return self.store.query_now(lambda db: run_rows.newest(db, job, 1000))[::-1]

    def column(self, name: str, job: int) -> Any:
        sql = f"SELECT {name} FROM jobs WHERE id = ?"
        return self.store.query_now(lambda db: db.execute(sql, (job,)).fetchone()[0])

    async def _tell(self, on_new: OnNew, news: News) -> str:
        self.told.append((on_new, news))
        return self.answer
