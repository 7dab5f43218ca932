"""Cron expressions as crontab(5) has them, read into sets of numbers.

    minute  hour  day of month  month  day of week        0 3 * * mon-fri
    0-59    0-23  1-31          1-12   0-7                0 and 7 are Sunday; names of months and weekdays

Lists (`1,15`), ranges (`1-5`), steps (`*/15`, `8-18/2`, `5/10`), and @hourly, @daily, @weekly, @monthly, @yearly.
When both day fields are restricted, a day that fits either one counts (crontab(5)); APScheduler would ask for
both, and takes 0 for Monday: hence sets, which leave it nothing to interpret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from psi_core.errors import InputError

MAX_LENGTH = 200
"""Longest expression, in characters."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = {month: 29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)}
_SHORTHAND = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_PART = re.compile(
    r"(?P<all>\*)(?:/(?P<every>\d{1,3}))?|(?P<first>\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d{1,3}))?"
)


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True)
class Cron:
    """When a job is due, in local time. `weekdays` count from 0, Sunday; `either_day`: one day field is enough."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read an expression. Raises InputError, also for one that never fires, such as 31 February."""
        if len(text) > MAX_LENGTH:
            raise InputError(f"a cron expression has at most {MAX_LENGTH} characters")
        words = _SHORTHAND.get(text.strip().lower(), text).lower().split()
        if len(words) != len(_FIELDS):
            raise InputError(
                "a cron expression has five fields: minute, hour, day of month, month, day of week "
                "(`0 3 * * *` is every day at three)"
            )
        minutes, hours, days, months, weekdays = map(_numbers, words, _FIELDS)
        found = cls(
            text=" ".join(text.split()),
            minutes=minutes,
            hours=hours,
            days=days,
            months=months,
            weekdays=frozenset(day % 7 for day in weekdays),
            either_day=not (words[2].startswith("*") or words[4].startswith("*")),
        )
        if not (found.either_day or found.has_its_days):
            raise InputError(f"the cron expression never fires: none of its months has a day {min(days)}")
        return found

    @property
    def has_its_days(self) -> bool:
        """Whether one of its months has one of its days of the month."""
        return any(min(self.days) <= _LONGEST[month] for month in self.months)

    @property
    def every_hour(self) -> bool:
        """Whether it names no hours, and so follows the clock through both edges of daylight saving."""
        return len(self.hours) == 24


def _numbers(word: str, field: _Field) -> frozenset[int]:
    return frozenset(number for part in word.split(",") for number in _part(part, field))


def _part(text: str, field: _Field) -> range:
    """One part of a list."""
    match = _PART.fullmatch(text)
    if match is None:
        _refuse(field, "is not a number, a range or a step")
    # 7 is Sunday when it is named; `*` counts it once.
    top = 6 if field.high == 7 else field.high
    step = int(match["every"] or match["step"] or 1)
    if not 0 < step <= top - field.low:
        _refuse(field, f"has a step outside 1-{top - field.low}")
    if match["all"]:
        return range(field.low, top + 1, step)
    first = _number(match["first"], field)
    if match["last"]:
        last = _number(match["last"], field)
        # `sat-sun` ends with the Sunday after Saturday.
        last = 7 if match["last"] == "sun" and first > last else last
    else:
        last = top if match["step"] else first
    if first > last:
        _refuse(field, "has a range that runs backwards")
    return range(first, last + 1, step)


def _number(text: str, field: _Field) -> int:
    number = field.names.get(text, -1)
    if text.isascii() and text.isdecimal() and len(text) <= 3:
        number = int(text)
    if not field.low <= number <= field.high:
        _refuse(field, f"goes from {field.low} to {field.high}{_named(field)}")
    return number


def _named(field: _Field) -> str:
    return f", or {next(iter(field.names))} ..." if field.names else ""


def _refuse(field: _Field, what: str) -> NoReturn:
    raise InputError(f"the cron expression is not right: its {field.name} {what}")
