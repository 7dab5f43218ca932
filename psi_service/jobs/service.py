"""Jobs as people handle them: made, listed, run by hand, paused, resumed, removed. Changes are in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlite_utils import Database

from psi_core.errors import Conflict
from psi_core.log.entry import EntryKind
from psi_service.clock import Clock, instant
from psi_service.jobs import rows, run_rows
from psi_service.jobs.late import is_late
from psi_service.jobs.on_new import OnNew
from psi_service.jobs.rows import JobRow
from psi_service.jobs.schedule import Schedule
from psi_service.jobs.scheduler import JobScheduler
from psi_service.jobs.sessions import RunsSessions
from psi_service.jobs.views import JobDetail, JobView, RunView
from psi_service.jobs.wishes import Wishes
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

MAX_JOBS = 500


class JobService:
    """The room's door for people. `by` is how the log names who asks."""

    def __init__(
        self,
        store: Store,
        log: NodeLog,
        clock: Clock,
        sessions: RunsSessions,
        scheduler: JobScheduler,
        *,
        commands: bool,
    ) -> None:
        """`commands`: whether a job may run a command on this host."""
        self._store = store
        self._log = log
        self._clock = clock
        self._sessions = sessions
        self._scheduler = scheduler
        self._commands = commands

    async def add(
        self, by: str, wishes: Wishes, cron: str, zone: str, on_new: OnNew | None = None
    ) -> JobView:
        """Make a job. Raises InputError, NotFound, Conflict for what could never run, NodeRefusing."""
        schedule = Schedule(cron, zone)
        if on_new is not None and on_new.command and not self._commands:
            raise Conflict(
                "this node runs no commands for jobs (setting job_commands): give an address instead"
            )
        agreement = await self._sessions.agreement(wishes)
        await self._sessions.check(wishes)
        if wishes.agreement is not None:
            # Typed as its beginning, kept whole.
            wishes = replace(wishes, agreement=agreement.hash().hex())
        now = self._clock()
        timing = (schedule.cron.text, zone)

        def work(db: Database) -> JobRow:
            if rows.count(db) >= MAX_JOBS:
                raise Conflict(f"there are {MAX_JOBS} jobs already; remove one first")
            number = rows.insert(db, wishes, timing, on_new, instant(now), schedule.next_after(now))
            told = {} if on_new is None else {"on_new": "command" if on_new.command else "url"}
            body = {"peer": wishes.peer, "cron": timing[0], "zone": zone, **told}
            self._note(db, "job-added", by, number, body)
            return rows.one(db, number)

        return await self._changed(work)

    async def list(self) -> tuple[JobView, ...]:
        """Every job by number, with its last run."""
        return await self._store.query(lambda db: tuple(self._view(db, job) for job in rows.every(db)))

    async def get(self, number: int) -> JobDetail:
        """One job with its newest runs. Raises NotFound."""

        def read(db: Database) -> JobDetail:
            view = self._view(db, rows.one(db, number))
            return JobDetail(**dict(view), runs=run_rows.newest(db, number, run_rows.SHOWN_RUNS))

        return await self._store.query(read)

    async def run(self, number: int) -> RunView:
        """Begin a run now, also of a paused job; its schedule stays as it is. Raises NotFound, Conflict."""
        await self._scheduler.ask(number)
        (newest,) = await self._store.query(lambda db: run_rows.newest(db, number, 1))
        return newest

    async def wait(self, number: int) -> None:
        """Wait until no run of it is going on."""
        await self._scheduler.wait(number)

    async def pause(self, by: str, number: int) -> JobView:
        """Let it rest from now on; a run that is going on goes on. Raises NotFound, Conflict, NodeRefusing."""

        def work(db: Database) -> JobRow:
            if rows.one(db, number).paused is not None:
                raise Conflict(f"job {number} is paused already")
            rows.pause(db, number, instant(self._clock()))
            self._note(db, "job-paused", by, number, {})
            return rows.one(db, number)

        return await self._changed(work)

    async def resume(self, by: str, number: int) -> JobView:
        """Let it run again, at its next due time. Raises NotFound, Conflict, NodeRefusing."""

        def work(db: Database) -> JobRow:
            job = rows.one(db, number)
            if job.paused is None:
                raise Conflict(f"job {number} is not paused")
            rows.resume(db, number, Schedule(job.cron, job.zone).next_after(self._clock()))
            self._note(db, "job-resumed", by, number, {})
            return rows.one(db, number)

        return await self._changed(work)

    async def remove(self, by: str, number: int) -> None:
        """Forget it and its runs; what its sessions matched stays. Raises NotFound, NodeRefusing."""

        def work(db: Database) -> None:
            rows.one(db, number)
            rows.remove(db, number)
            self._note(db, "job-removed", by, number, {})

        await self._store.transaction(work)
        self._scheduler.set_alarm(number, None)

    async def _changed(self, work: Callable[[Database], JobRow]) -> JobView:
        job = await self._store.transaction(work)
        self._scheduler.set_alarm(job.id, job.due)
        return await self._store.query(lambda db: self._view(db, job))

    def _note(self, db: Database, action: str, by: str, number: int, more: dict[str, str]) -> None:
        self._log.append(db, EntryKind.ADMIN, {"action": action, "by": by, "job": number, **more})

    def _view(self, db: Database, job: JobRow) -> JobView:
        running = self._scheduler.is_running(job.id)
        wishes = job.wishes
        return JobView(
            id=job.id,
            peer=wishes.peer,
            agreement=wishes.agreement,
            direction=wishes.direction,
            reveal=wishes.reveal,
            match_keys=wishes.match_keys,
            engine=wishes.engine,
            cron=job.cron,
            zone=job.zone,
            on_new=None if job.on_new is None else job.on_new.shown,
            created=job.created,
            paused=job.paused,
            next_due=job.next_due,
            running=running,
            late=not running and is_late(job.due, self._clock()),
            dues=job.dues,
            misfires=job.misfires,
            overlaps=job.overlaps,
            last=next(iter(run_rows.newest(db, job.id, 1)), None),
        )
