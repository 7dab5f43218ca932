"""Instants: one moment, one spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core.errors import InvalidText
from psi_core.identity.instant import instant, moment


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 # made aware below
def test_a_moment_comes_back_to_the_second(naive: datetime) -> None:
    when = naive.replace(tzinfo=UTC)
    assert moment(instant(when)) == when.replace(microsecond=0)


def test_another_zone_is_written_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    assert instant(datetime(2026, 1, 1, 1, 30, tzinfo=zone)) == "2025-12-31T23:30:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T09:30:00",
        "2026-11-24T09:30:00+00:00",
        "2026-11-24T09:30:00.0Z",
        "2026-11-24t09:30:00z",
        "2026-1-24T09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T09:30:60Z",
        " 2026-11-24T09:30:00Z",
        "0026-11-24T09:30:00Z",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(InvalidText):
        moment(text)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidText, match="time zone"):
        instant(datetime(2026, 11, 24))  # noqa: DTZ001 # a naive moment is what is refused
