"""Labels: fixed widths whatever they say, read back as written, nothing read that was not written."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core.errors import InvalidText
from psi_core.kinds.labels import FIELDS, SEVERITIES, TLP, Label, decode, encode, label_size, merged

ALL = tuple(FIELDS)
DAY_ZERO = date(1970, 1, 1)
_TEXT = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=120)
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "severity": st.sampled_from(SEVERITIES),
        "campaign": _TEXT,
        "label": _TEXT,
        "first_seen": st.dates(min_value=DAY_ZERO).map(str),
        "last_seen": st.dates(min_value=DAY_ZERO).map(str),
        "confidence": st.integers(0, 100),
        "tlp": st.sampled_from(TLP),
    },
)
FIELD_LISTS = st.lists(st.sampled_from(ALL), unique=True, min_size=1).map(
    lambda names: tuple(sorted(names, key=ALL.index))
)


@given(FIELD_LISTS, LABELS)
def test_a_label_has_one_size_whatever_it_says(fields: tuple[str, ...], label: Label) -> None:
    assert len(encode(fields, label)) == len(encode(fields, {})) == label_size(fields)


@given(FIELD_LISTS, LABELS)
def test_what_is_written_is_read_back(fields: tuple[str, ...], label: Label) -> None:
    data = encode(fields, label)
    found = decode(fields, data)
    assert set(found) == set(label) & set(fields)
    assert encode(fields, found) == data
    for name in ("severity", "confidence", "tlp"):
        assert found.get(name) == (label.get(name) if name in fields else None)


@given(FIELD_LISTS, st.binary(max_size=140))
def test_nothing_is_read_that_was_not_written(fields: tuple[str, ...], data: bytes) -> None:
    try:
        found = decode(fields, data)
    except InvalidText:
        return
    assert encode(fields, found) == data


def test_long_text_is_cut_at_a_character_and_says_so() -> None:
    found = decode(("campaign",), encode(("campaign",), {"campaign": "Ö" * 50}))
    assert found == {"campaign": "Ö" * 18 + "…"}
    assert decode(("campaign",), encode(("campaign",), {"campaign": "x" * 40})) == {"campaign": "x" * 40}


def test_times_are_days() -> None:
    fields = ("first_seen",)
    assert decode(fields, encode(fields, {"first_seen": "2026-02-03T23:59:59Z"})) == {
        "first_seen": "2026-02-03"
    }
    assert decode(fields, encode(fields, {"first_seen": "1970-01-01"})) == {"first_seen": "1970-01-01"}
    assert decode(fields, encode(fields, {"first_seen": "9999-01-01"})) == {"first_seen": "2149-06-05"}


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("severity", b"\5"),
        ("tlp", b"\6"),
        ("confidence", bytes([102])),
        ("campaign", b"\x29" + bytes(40)),
        ("campaign", b"\1a" + bytes(38) + b"x"),
        ("campaign", b"\0" + bytes(39) + b"x"),
        ("campaign", b"\2\xff\xff" + bytes(38)),
        ("campaign", b"\1\x1b" + bytes(39)),
        ("campaign", b"\3\xe2\x80\xae" + bytes(37)),
        ("first_seen", b"\1"),
        ("severity", b"\1\1"),
    ],
)
def test_malformed_labels_are_refused(field: str, data: bytes) -> None:
    with pytest.raises(InvalidText):
        decode((field,), data)


def test_several_indicators_say_the_worst_the_first_and_the_last() -> None:
    one: Label = {
        "severity": "low",
        "campaign": "b",
        "first_seen": "2026-02-03",
        "confidence": 10,
        "tlp": "green",
    }
    two: Label = {"severity": "high", "campaign": "a", "first_seen": "2026-01-01", "last_seen": "2026-03-01"}
    assert merged([one, two, one]) == {
        "severity": "high",
        "campaign": "a; b",
        "first_seen": "2026-01-01",
        "last_seen": "2026-03-01",
        "confidence": 10,
        "tlp": "green",
    }
    assert merged([]) == {}
