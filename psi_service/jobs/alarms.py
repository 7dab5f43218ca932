"""What wakes the jobs: APScheduler, in memory, one alarm for each job's next due time.

It is filled from the table and knows nothing that the table does not. A look at the whole table each minute finds
what an alarm has missed: a host that slept, a clock that was set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

LOOK_SECONDS = 60

Ring = Callable[[int], Coroutine[Any, Any, None]]
"""Hears the number of a job whose time has come."""
Look = Callable[[], Coroutine[Any, Any, None]]
"""Is called every LOOK_SECONDS."""


class Alarms(Protocol):
    """One alarm for each job; a test puts simulated time in its place."""

    def start(self, ring: Ring, look: Look) -> None:
        """From now on alarms ring, on this event loop."""

    def set(self, job: int, due: datetime) -> None:
        """Ring for `job` at `due` (at once when it has passed), instead of at whatever time was set before."""

    def clear(self, job: int) -> None:
        """Do not ring for `job`."""

    def stop(self) -> None:
        """No alarm rings any more."""


class SchedulerAlarms:
    """Alarms over APScheduler's AsyncIOScheduler."""

    def __init__(self) -> None:
        self._scheduler: Any = None
        self._ring: Ring | None = None
        self._woken: set[asyncio.Task[None]] = set()

    def start(self, ring: Ring, look: Look) -> None:
        """Run on the current event loop."""
        # One ring for all that was missed, however long ago: what is due is the table's to say.
        defaults = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._ring = ring
        every = IntervalTrigger(seconds=LOOK_SECONDS, timezone=UTC)
        self._scheduler.add_job(self._wake, every, args=[look], id="look")
        self._scheduler.start()

    def set(self, job: int, due: datetime) -> None:
        """See Alarms.set."""
        if self._scheduler is not None and self._ring is not None:
            trigger, wake = DateTrigger(due, timezone=UTC), partial(self._ring, job)
            self._scheduler.add_job(self._wake, trigger, args=[wake], id=str(job), replace_existing=True)

    def clear(self, job: int) -> None:
        """See Alarms.clear."""
        if self._scheduler is not None and self._scheduler.get_job(str(job)) is not None:
            self._scheduler.remove_job(str(job))

    def stop(self) -> None:
        """See Alarms.stop; harmless before `start`."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    async def _wake(self, call: Look) -> None:
        # A task of its own: APScheduler cancels what it runs when it stops, and calls that an error.
        task = asyncio.create_task(call())
        self._woken.add(task)
        task.add_done_callback(self._woken.discard)
