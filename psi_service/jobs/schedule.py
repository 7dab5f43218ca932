"""When a job is due: a cron expression in an IANA time zone, as moments in UTC.

At both edges of daylight saving, as crontab(5) has it:

    names hours   every local time on the list comes once: one that the clock skips, at the moment it skips;
                  one that the clock shows twice, the first time
    every hour    as the clock goes: what is skipped does not come, what is shown twice comes twice

APScheduler's CronTrigger walks the calendar. For named hours it walks it without a zone: with one it would leave
a skipped time out for the whole day, and fire twice when the clock goes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.triggers.cron import CronTrigger

from psi_core.errors import InputError
from psi_service.jobs.cron import Cron

MAX_COUNTED = 10_000
"""Due times that are counted one by one; of more it is said that they were at least as many."""

_INSTANT = timedelta(microseconds=1)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class Passed:
    """Due times that have come: how many, the last of them, how many of them came too long ago; and the next."""

    count: int
    latest: datetime
    late: int
    next_due: datetime


class Schedule:
    """The moments at which one job is due. All of them are aware, in UTC, on whole seconds."""

    def __init__(self, cron: str, zone: str) -> None:
        """Raises InputError for an expression or a zone that is not right, or that never fires."""
        self.cron = Cron.parse(cron)
        self.zone = _zone(zone)
        self._triggers = tuple(_triggers(self.cron, self.zone if self.cron.every_hour else UTC))

    def next_after(self, moment: datetime) -> datetime:
        """The first due time after `moment` (aware)."""
        if self.cron.every_hour:
            return self._walk((moment + _INSTANT).astimezone(self.zone)).astimezone(UTC)
        local = moment.astimezone(self.zone).replace(tzinfo=UTC, fold=0)
        while True:
            local = self._walk(local + _INSTANT)
            due = _moment_of(local.replace(tzinfo=None), self.zone)
            if due > moment:
                return due

    def passed(self, due: datetime, now: datetime, grace: timedelta) -> Passed:
        """What has come from the due time `due` up to `now`; late is what came more than `grace` ago."""
        count, late, latest, following = 0, 0, due, due
        while following <= now and count < MAX_COUNTED:
            latest = following
            count += 1
            late += now - latest > grace
            following = self.next_after(latest)
        return Passed(count, latest, late, following if following > now else self.next_after(now))

    def _walk(self, start: datetime) -> datetime:
        """The first time on the calendar that is not before `start`."""
        first: datetime = min(trigger.get_next_fire_time(None, start) for trigger in self._triggers)
        return first


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> ZoneInfo:
    if name not in _zones():
        raise InputError("there is no such time zone; name it as IANA does, such as Europe/Berlin or UTC")
    return ZoneInfo(name)


def _triggers(cron: Cron, zone: tzinfo) -> Iterator[Any]:
    """One trigger, or one for each day field where a day may fit either; none that never fires."""
    days = _listed(cron.days, 31)
    weekdays = "*" if len(cron.weekdays) == 7 else ",".join(_WEEKDAYS[day] for day in sorted(cron.weekdays))
    pairs = [(days, weekdays)]
    if cron.either_day:
        pairs = [("*", weekdays), *([(days, "*")] if cron.has_its_days else [])]
    for day, weekday in pairs:
        yield CronTrigger(
            minute=_listed(cron.minutes, 60),
            hour=_listed(cron.hours, 24),
            day=day,
            month=_listed(cron.months, 12),
            day_of_week=weekday,
            timezone=zone,
        )


def _listed(numbers: frozenset[int], every: int) -> str:
    return "*" if len(numbers) == every else ",".join(map(str, sorted(numbers)))


def _moment_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clock of `zone` shows `local` for the first time, or skips it (PEP 495)."""
    shown = local.replace(tzinfo=zone).astimezone(UTC)
    if shown.astimezone(zone).replace(tzinfo=None) == local:
        return shown
    # In a gap the offset before it reads `local` as a moment after it, and the other way round.
    before, after = local.replace(tzinfo=zone, fold=1).astimezone(UTC), shown
    offset = after.astimezone(zone).utcoffset()
    while (seconds := (after - before) // timedelta(seconds=1)) > 1:
        middle = before + timedelta(seconds=seconds // 2)
        before, after = (before, middle) if middle.astimezone(zone).utcoffset() == offset else (middle, after)
    return after
