"""Claims what is due, runs it, writes down how it went.

    alarm, or the look each minute ─▶ claim: due times off the job, a run begun (one transaction)
                                      ─▶ sessions until one is done ─▶ result in the store ─▶ somebody is told

Every due time that comes is counted once: covered by a run, or as an overlap with the run before. Those that came
while the node was down are misfires, and one run covers them all. A run that the node's own end broke off is
begun again at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlite_utils import Database

from psi_core.errors import Conflict, NotFound, PsiError
from psi_service.clock import Clock, instant
from psi_service.jobs import rows, run_rows
from psi_service.jobs.alarms import Alarms
from psi_service.jobs.learned import learned
from psi_service.jobs.on_new import News, OnNew
from psi_service.jobs.rows import JobRow
from psi_service.jobs.run_rows import Before, Learned, Outcome
from psi_service.jobs.runner import JobRunner, RunEnd
from psi_service.jobs.schedule import Schedule
from psi_service.jobs.telling import TOLD
from psi_service.jobs.verdict import Retry, Verdict
from psi_service.store.database import Store

GRACE = timedelta(seconds=60)
"""A due time that is claimed later than this was missed."""
CLOCK_STEP = timedelta(hours=1)
"""A clock that was set back by less makes nothing due again."""

Tell = Callable[[OnNew, News], Awaitable[str]]
"""Tells somebody; returns TOLD, or in words why not."""

log = structlog.get_logger()


class JobScheduler:
    """The jobs of one node, while it runs. Each job has at most one run at a time."""

    def __init__(self, store: Store, clock: Clock, alarms: Alarms, runner: JobRunner, tell: Tell) -> None:
        self._store = store
        self._clock = clock
        self._alarms = alarms
        self._runner = runner
        self._tell = tell
        self._busy: set[int] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stopped = True

    async def start(self) -> None:
        """Fill the alarms from the table; begin what was missed or broken off. Call it once, on the node's loop."""
        self._stopped = False
        now = instant(self._clock())
        broken_off, jobs = await self._store.transaction(
            lambda db: (run_rows.interrupt(db, now), rows.every(db))
        )
        self._alarms.start(self.ring, self.look)
        for job in jobs:
            if job.due is None:
                continue
            if job.due <= self._clock():
                await self.ring(job.id)
            else:
                self._alarms.set(job.id, job.due)
                if job.id in broken_off:
                    await self._again(job, broken_off[job.id])
        await self.look()

    async def stop(self) -> None:
        """No alarm rings any more; runs are broken off. Their rows say so at the next start."""
        self._stopped = True
        self._alarms.stop()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def is_running(self, job: int) -> bool:
        """Whether a run of it is going on."""
        return job in self._busy

    def set_alarm(self, job: int, due: datetime | None) -> None:
        """A job was made, paused, resumed or removed."""
        if due is None:
            self._alarms.clear(job)
        elif not self._stopped:
            self._alarms.set(job, due)

    async def wait(self, job: int) -> None:
        """Wait until no run of it is going on."""
        task = self._tasks.get(job)
        if task is not None:
            await asyncio.wait([task])

    async def look(self) -> None:
        """Ring for every job whose time has come, and mend due times that a wrong clock has left far ahead."""
        try:
            jobs = await self._store.query(rows.every)
            now = self._clock()
            for job, due in await asyncio.to_thread(lambda: list(_too_far(jobs, now))):
                log.warning("the clock was set back", job=job.id, was_due=job.next_due, due=instant(due))
                await self._store.transaction(partial(rows.move, job=job, due=due))
                self.set_alarm(job.id, due)
        except PsiError as fault:
            log.warning("jobs not looked at", code=fault.code, reason=fault.message)
            return
        for job in jobs:
            if job.due is not None and job.due <= now:
                await self.ring(job.id)

    async def ring(self, number: int) -> None:
        """Claim what is due of a job, and begin its run. Nothing happens when nothing is due."""
        try:
            await self._claim(number)
        except NotFound:
            return
        except PsiError as fault:
            # It is due still: the next look tries again.
            log.warning("job not begun", job=number, code=fault.code, reason=fault.message)

    async def ask(self, number: int) -> int:
        """Begin a run because a person asks for it; returns the run's number. Raises NotFound, Conflict."""
        job = await self._store.query(lambda db: rows.one(db, number))
        if self._stopped:
            raise Conflict("the node is starting or stopping; ask again in a moment")
        if not self._reserve(number):
            raise Conflict(f"job {number} is running already; `psi jobs show {number}` follows it")
        try:
            now = instant(self._clock())
            run = await self._store.transaction(lambda db: run_rows.begin(db, number, now, asked=True))
        except BaseException:
            self._busy.discard(number)
            raise
        self._begin(number, self._run(job, run, until=None, patient=False))
        return run

    async def _claim(self, number: int) -> None:
        job = await self._store.query(lambda db: rows.one(db, number))
        now = self._clock()
        if job.due is None or self._stopped:
            return
        if job.due > now:
            self._alarms.set(number, job.due)
            return
        # A node that was down for long has much to count.
        passed = await asyncio.to_thread(Schedule(job.cron, job.zone).passed, job.due, now, GRACE)
        busy = not self._reserve(number)
        run = None
        try:
            run = await self._store.transaction(
                lambda db: run_rows.claim(db, job, passed, instant(now), busy=busy)
            )
        finally:
            if run is None and not busy:
                self._busy.discard(number)
        self.set_alarm(number, passed.next_due)
        if run is not None:
            if passed.late:
                log.info("job missed its time", job=number, peer=job.wishes.peer, misfires=passed.late)
            self._begin(number, self._run(job, run, until=passed.next_due))

    async def _again(self, job: JobRow, due: str | None) -> None:
        """Begin a due run again that was broken off; its due times are counted already."""
        if self._reserve(job.id):
            now = instant(self._clock())
            run = await self._store.transaction(lambda db: run_rows.begin(db, job.id, now, due=due))
            self._begin(job.id, self._run(job, run, until=job.due))

    def _reserve(self, job: int) -> bool:
        if job in self._busy:
            return False
        self._busy.add(job)
        return True

    def _begin(self, number: int, run: Coroutine[Any, Any, None]) -> None:
        if self._stopped:
            # Its row says that it runs: the next start begins it again.
            run.close()
            self._busy.discard(number)
            return
        task = asyncio.create_task(run, name=f"job-{number}")
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._ended(number))

    def _ended(self, number: int) -> None:
        del self._tasks[number]
        self._busy.discard(number)

    async def _run(self, job: JobRow, run: int, *, until: datetime | None, patient: bool = True) -> None:
        try:
            end = await self._runner.run(job.wishes, until=until, patient=patient)
            outcome = await self._finish(job, run, end)
            await self._tell_of(job, run, end, outcome.learned)
        except PsiError as fault:
            # The store's own trouble: there is no place to write it down but the journal.
            log.warning("job not written down", job=job.id, code=fault.code, reason=fault.message)
        except Exception:
            log.exception("job failed", job=job.id, peer=job.wishes.peer)
            bug = Verdict(
                "failed", PsiError.code, "an internal error; the journal names its place", Retry.NEVER
            )
            await self._finish(job, run, RunEnd(bug, 1, None))

    async def _finish(self, job: JobRow, run: int, end: RunEnd) -> Outcome:
        now = instant(self._clock())
        session = end.session

        def work(db: Database) -> tuple[Before | None, Outcome]:
            found = Learned()
            if end.verdict.state == "done" and session is not None:
                found = learned(db, _newest(db, job), session, now)
            session_id = None if session is None else session.session_id
            outcome = Outcome(end.verdict, end.attempts, session_id, found)
            return run_rows.finish(db, job.id, run, outcome, now), outcome

        before, outcome = await self._store.transaction(work)
        self._note(job, outcome, before)
        return outcome

    @staticmethod
    def _note(job: JobRow, outcome: Outcome, before: Before | None) -> None:
        """One line when something changes: a peer that is away for a day is not a thousand of them."""
        line = log.bind(job=job.id, peer=job.wishes.peer)
        verdict = outcome.verdict
        if verdict.state == "done":
            failed = before.times if before is not None and before.state in ("refused", "failed") else 0
            line.info("job done", session=outcome.session_id, **({"failed_before": failed} if failed else {}))
        elif before is None or not before.same_as(verdict):
            line.warning("job " + verdict.state, code=verdict.code, reason=verdict.words)

    async def _tell_of(self, job: JobRow, run: int, end: RunEnd, found: Learned) -> None:
        if job.on_new is None or not found.new or end.session is None:
            return
        news = News(
            job=job.id,
            peer=job.wishes.peer,
            session=end.session.session_id,
            finished=instant(self._clock()),
            new=found.new,
            actors=found.actors,
            matched=dict(found.matched),
        )
        told = await self._tell(job.on_new, news)
        if told != TOLD:
            log.warning("nobody was told", job=job.id, reason=told)
        await self._store.transaction(lambda db: run_rows.note_told(db, run, told))


def _too_far(jobs: Iterable[JobRow], now: datetime) -> Iterator[tuple[JobRow, datetime]]:
    """Jobs that are due later than their schedule allows, and when they should be."""
    for job in jobs:
        if job.due is not None and job.due > now:
            latest = Schedule(job.cron, job.zone).next_after(now + CLOCK_STEP)
            if job.due > latest:
                yield job, latest


def _newest(db: Database, job: JobRow) -> JobRow:
    """The job as it is now; as it was when the run began, if it was removed meanwhile."""
    try:
        return rows.one(db, job.id)
    except NotFound:
        return job
