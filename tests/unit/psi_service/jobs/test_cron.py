"""Cron expressions: what crontab(5) says they mean, and which ones are refused."""

from __future__ import annotations

import pytest

from psi_core.errors import InputError
from psi_service.jobs.cron import Cron

SUN, MON, TUE, WED, THU, FRI, SAT = range(7)


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("0", {SUN}),
        ("7", {SUN}),
        ("1", {MON}),
        ("6", {SAT}),
        ("1-5", {MON, TUE, WED, THU, FRI}),
        ("5-7", {FRI, SAT, SUN}),
        ("0-2", {SUN, MON, TUE}),
        ("0,3", {SUN, WED}),
        ("*/2", {SUN, TUE, THU, SAT}),
        ("1-5/2", {MON, WED, FRI}),
        ("1/3", {MON, THU}),
        ("sun", {SUN}),
        ("Mon-Fri", {MON, TUE, WED, THU, FRI}),
        ("sat-sun", {SAT, SUN}),
        ("sun-tue", {SUN, MON, TUE}),
        ("mon-fri/2", {MON, WED, FRI}),
        ("MON,4", {MON, THU}),
        ("*", set(range(7))),
        ("0-7", set(range(7))),
    ],
)
def test_weekdays_count_from_sunday(field: str, days: set[int]) -> None:
    assert Cron.parse(f"0 3 * * {field}").weekdays == days


def test_lists_ranges_steps_and_names() -> None:
    cron = Cron.parse("*/20,5  8-18/5,0 1,15-17 feb-apr,12 *")
    assert cron.minutes == {0, 5, 20, 40}
    assert cron.hours == {0, 8, 13, 18}
    assert cron.days == {1, 15, 16, 17}
    assert cron.months == {2, 3, 4, 12}
    assert cron.text == "*/20,5 8-18/5,0 1,15-17 feb-apr,12 *"
    assert not cron.every_hour
    assert Cron.parse("50/5 * * * *").minutes == {50, 55}


def test_shorthand() -> None:
    daily = Cron.parse("@daily")
    assert (daily.minutes, daily.hours, daily.text) == ({0}, {0}, "@daily")
    assert Cron.parse("@hourly").every_hour
    assert Cron.parse("@weekly").weekdays == {SUN}


@pytest.mark.parametrize(
    ("text", "either"),
    [("0 0 1 * 1", True), ("0 0 * * 1", False), ("0 0 1 * *", False), ("0 0 */2 * 1", False)],
)
def test_two_restricted_day_fields_are_alternatives(text: str, either: bool) -> None:
    assert Cron.parse(text).either_day == either


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30 feb *", "0 0 31 2,4,6,9,11 *", "0 0 30-31 2 */2"])
def test_what_never_fires_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"never fires.*day 3[01]"):
        Cron.parse(text)


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 1,2 *", "0 0 31 2 1"])
def test_what_fires_seldom_is_not(text: str) -> None:
    assert Cron.parse(text).months


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("@reboot", "five fields"),
        ("60 * * * *", "minute goes from 0 to 59"),
        ("* 24 * * *", "hour goes from 0 to 23"),
        ("* * 0 * *", "day of month goes from 1 to 31"),
        ("* * * 13 *", "month goes from 1 to 12, or jan"),
        ("* * * * 8", "day of week goes from 0 to 7, or sun"),
        ("* * * mon *", "month goes"),
        ("* * * * monday", "day of week goes"),
        ("*/0 * * * *", "minute has a step outside"),
        ("*/60 * * * *", "minute has a step outside 1-59"),
        ("30-10 * * * *", "runs backwards"),
        ("* * * * fri-mon", "runs backwards"),
        ("1,,2 * * * *", "minute is not a number"),
        ("-1 * * * *", "minute is not a number"),
        ("* * L * *", "day of month goes"),
        ("* * ? * *", "day of month is not"),
        ("* * * * 1#2", "day of week is not"),
        ("² * * * *", "minute goes"),
        ("0" * 201, "at most 200"),
    ],
)
def test_what_is_not_cron(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Cron.parse(text)
