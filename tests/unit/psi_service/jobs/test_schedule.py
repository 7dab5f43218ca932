"""Due times, at both edges of daylight saving above all. Expected times are from the zones' published changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from psi_core.errors import InputError
from psi_service.jobs.cron import Cron
from psi_service.jobs.schedule import MAX_COUNTED, Schedule

MINUTE = timedelta(minutes=1)


def dues(cron: str, zone: str, start: str, count: int) -> list[str]:
    """The first due times after a moment in UTC, as `MM-DD HH:MM` of UTC."""
    schedule, moment, found = Schedule(cron, zone), datetime.fromisoformat(start).replace(tzinfo=UTC), []
    for _ in range(count):
        moment = schedule.next_after(moment)
        assert (moment.tzinfo, moment.microsecond) == (UTC, 0)
        found.append(f"{moment:%m-%d %H:%M}")
    return found


def test_weekdays_as_cron_has_them() -> None:
    # 2026-11-24 is a Tuesday, 2026-11-29 a Sunday.
    assert dues("0 3 * * 0", "UTC", "2026-11-24T00:00", 2) == ["11-29 03:00", "12-06 03:00"]
    assert dues("0 3 * * 7", "UTC", "2026-11-24T00:00", 1) == ["11-29 03:00"]
    assert dues("0 3 * * 1", "UTC", "2026-11-24T00:00", 1) == ["11-30 03:00"]
    assert dues("0 3 * * sat-sun", "UTC", "2026-11-24T00:00", 3) == [
        "11-28 03:00",
        "11-29 03:00",
        "12-05 03:00",
    ]


def test_either_day_field_is_enough() -> None:
    assert dues("0 3 25 * 0", "UTC", "2026-11-24T00:00", 3) == ["11-25 03:00", "11-29 03:00", "12-06 03:00"]
    assert dues("0 3 31 2 0", "UTC", "2027-01-01T00:00", 2) == ["02-07 03:00", "02-14 03:00"]


def test_the_moment_itself_is_not_after_itself() -> None:
    assert dues("0 3 * * *", "UTC", "2026-11-24T03:00", 1) == ["11-25 03:00"]
    assert dues("0 3 * * *", "UTC", "2026-11-24T02:59:59.999999", 1) == ["11-24 03:00"]


def test_a_leap_day_comes_when_it_comes() -> None:
    schedule = Schedule("0 0 29 2 *", "UTC")
    first = schedule.next_after(datetime(2096, 3, 1, tzinfo=UTC))
    assert first == datetime(2104, 2, 29, tzinfo=UTC)


# Berlin 2026: 29 March 02:00 -> 03:00 (01:00 UTC), 25 October 03:00 -> 02:00 (01:00 UTC).
@pytest.mark.parametrize(
    ("cron", "zone", "start", "expected"),
    [
        # A time that is skipped comes at the moment when it is skipped, once.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        (
            "0,30 2,3 * * *",
            "Europe/Berlin",
            "2026-03-29T00:30",
            ["03-29 01:00", "03-29 01:30", "03-30 00:00"],
        ),
        # Midnight itself is skipped in Santiago on 6 September 2026: the day is not lost.
        ("0 0 * * *", "America/Santiago", "2026-09-05T05:00", ["09-06 04:00", "09-07 03:00"]),
        ("30 0 * * 0", "America/Santiago", "2026-09-05T05:00", ["09-06 04:00", "09-13 03:30"]),
        # A time that is shown twice comes the first time.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"]),
        ("0,30 2 * * *", "Europe/Berlin", "2026-10-25T00:15", ["10-25 00:30", "10-26 01:00"]),
        ("15 2,3 * * *", "Europe/Berlin", "2026-10-25T01:05", ["10-25 02:15", "10-26 01:15"]),
        # Every hour: as the clock goes.
        ("30 * * * *", "Europe/Berlin", "2026-03-29T00:00", ["03-29 00:30", "03-29 01:30", "03-29 02:30"]),
        ("30 * * * *", "Europe/Berlin", "2026-10-25T00:00", ["10-25 00:30", "10-25 01:30", "10-25 02:30"]),
        # Half an hour, in Lord Howe: 5 April 2026 02:00 -> 01:30 (15:00 UTC on the 4th), 4 October 02:00 -> 02:30.
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00", ["04-04 14:45", "04-05 15:15"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["10-03 15:30", "10-04 15:15"]),
        # A whole day that Samoa left out, 30 December 2011 (10:00 UTC): its job is not lost.
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00", ["12-30 10:00"]),
    ],
)
def test_both_edges_of_daylight_saving(cron: str, zone: str, start: str, expected: list[str]) -> None:
    assert dues(cron, zone, start, len(expected)) == expected


def minutes_of(cron: Cron, zone: ZoneInfo, start: datetime, days: int) -> Iterator[datetime]:
    """Every minute whose local time is on the list, by looking at every minute."""
    for number in range(days * 1440):
        moment = start + number * MINUTE
        local = moment.astimezone(zone)
        weekday = local.isoweekday() % 7
        if local.minute in cron.minutes and local.hour in cron.hours and weekday in cron.weekdays:
            yield moment


@pytest.mark.parametrize("cron", ["*/7 * * * *", "0,45 * * * sat", "*/20 * * * sun", "15 0-23 * * *"])
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", "2026-03-28"),
        ("Europe/Berlin", "2026-10-24"),
        ("America/Santiago", "2026-09-05"),
        ("America/Santiago", "2026-04-03"),
        ("Africa/Cairo", "2026-10-28"),
        ("Australia/Lord_Howe", "2026-04-03"),
        ("Australia/Lord_Howe", "2026-10-02"),
    ],
)
def test_every_hour_is_what_looking_at_every_minute_finds(cron: str, zone: str, start: str) -> None:
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    schedule, moment, found = Schedule(cron, zone), first - MINUTE, []
    while (moment := schedule.next_after(moment)) < first + timedelta(days=3):
        found.append(moment)
    assert found == list(minutes_of(schedule.cron, schedule.zone, first, 3))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Africa/Cairo", "America/Havana"])
def test_a_named_hour_comes_once_on_every_day_of_a_year(zone: str) -> None:
    for hour in (0, 2):
        schedule, moment = Schedule(f"30 {hour} * * *", zone), datetime(2026, 1, 1, 12, tzinfo=UTC)
        local_days = []
        for _ in range(370):
            moment = schedule.next_after(moment)
            local_days.append(moment.astimezone(schedule.zone).date())
        assert [later - earlier for earlier, later in pairwise(local_days)] == [timedelta(days=1)] * 369


def test_what_has_passed_is_counted() -> None:
    schedule = Schedule("*/10 * * * *", "UTC")
    due, grace = datetime(2026, 11, 24, 3, 0, tzinfo=UTC), timedelta(seconds=60)
    on_time = schedule.passed(due, due + timedelta(seconds=5), grace)
    assert (on_time.count, on_time.late, on_time.latest) == (1, 0, due)
    assert on_time.next_due == due + 10 * MINUTE
    down = schedule.passed(due, due + 25 * MINUTE, grace)
    assert (down.count, down.late, down.latest) == (3, 3, due + 20 * MINUTE)
    assert down.next_due == due + 30 * MINUTE
    just_back = schedule.passed(due, due + 20 * MINUTE + timedelta(seconds=30), grace)
    assert (just_back.count, just_back.late) == (3, 2)


def test_a_very_long_time_is_counted_up_to_a_bound() -> None:
    schedule = Schedule("* * * * *", "UTC")
    due = datetime(2026, 1, 1, tzinfo=UTC)
    passed = schedule.passed(due, due + timedelta(days=30), timedelta(seconds=60))
    assert passed.count == MAX_COUNTED
    assert passed.next_due == due + timedelta(days=30, minutes=1)


@pytest.mark.parametrize(
    "zone", ["", "Berlin", "Europe/../etc/passwd", "/etc/localtime", "localtime2", "UTC+1"]
)
def test_a_zone_that_is_none(zone: str) -> None:
    with pytest.raises(InputError, match="no such time zone"):
        Schedule("0 3 * * *", zone)
