"""Dates, confidence, TLP and labels: what is taken, in which form it is kept, what is refused."""

from __future__ import annotations

import pytest

from psi_core.errors import InputError
from psi_service.imports.attributes import Attributes, check_order, read_attribute


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [
        ("first_seen", "2026-02-03", "2026-02-03T00:00:00Z"),
        ("first_seen", " 2026-02-03T10:11:12Z ", "2026-02-03T10:11:12Z"),
        ("last_seen", "2026-02-03t10:11:12.987654321z", "2026-02-03T10:11:12Z"),
        ("last_seen", "2026-02-03 10:11:12+02:00", "2026-02-03T08:11:12Z"),
        ("expires_at", "2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"),
        ("expires_at", "2028-02-29", "2028-02-29T00:00:00Z"),
        ("confidence", "0", 0),
        ("confidence", "100", 100),
        ("confidence", " 050 ", 50),
        ("tlp", "TLP:AMBER+STRICT", "amber+strict"),
        ("tlp", "tlp: red", "red"),
        ("tlp", "Clear", "clear"),
        ("label", " ring 7, Köln ", "ring 7, Köln"),
        ("campaign", "silver fox", "silver fox"),
        ("severity", " High", "high"),
        ("severity", "critical", "critical"),
        *((field, empty, None) for field in Attributes._fields for empty in ("", "  ")),
    ],
)
def test_taken(field: str, text: str, kept: str | int | None) -> None:
    assert read_attribute(field, text) == kept


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(
            ("first_seen", text)
            for text in (
                "03.02.2026",
                "2026-02-30",
                "2026-13-01",
                "2026-02-03T10:11:12",
                "2026-02-03T10:11Z",
                "2026-02-03T24:11:12Z",
                "2026-02-03T10:11:60Z",
                "2026-W06-2",
                "20260203",
                "２０２６-02-03",
                "0001-01-01",
                "1969-12-31",
                "9999-12-31T23:59:59-01:00",
                "2026-02-03T10:11:12+99:00",
                "1770114072",
            )
        ),
        *(("confidence", text) for text in ("101", "-1", "5.0", "high", "+5", "٥٠", "0x10", "1000")),
        *(("tlp", text) for text in ("white", "tlp:white", "amber strict", "secret")),
        *(("severity", text) for text in ("severe", "4", "highest")),
        ("campaign", "x" * 201),
        ("label", "x" * 201),
        ("label", "a\x1bb"),
        ("label", "right\u202eleft"),
    ],
)
def test_refused_without_repeating_it(field: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_attribute(field, text)
    assert text not in str(caught.value) or text == "white"


def test_white_is_explained() -> None:
    with pytest.raises(InputError, match="white of TLP 1 is clear"):
        read_attribute("tlp", "TLP:WHITE")


def test_seen_last_before_first_is_refused() -> None:
    check_order(Attributes(first_seen="2026-02-03T00:00:00Z", last_seen="2026-02-03T00:00:00Z"))
    check_order(Attributes(last_seen="2026-02-03T00:00:00Z"))
    with pytest.raises(InputError, match="before first_seen"):
        check_order(Attributes(first_seen="2026-02-03T00:00:01Z", last_seen="2026-02-03T00:00:00Z"))
