"""A shape that pydantic's core matches takes what Python's `re` takes of a whole text, and refuses in its own words."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter, ValidationError

from psi_core.log.signed_text import Hex16, Hex32, Instant, LabName

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
LAB_NAME = rf"(?=.{{3,253}}\Z)(?:{_LABEL}\.)+(?=[a-z]){_LABEL}"
"""Said with look-ahead, which the shape has to do without."""
INSTANT = "[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z"
LAB_TEXT = st.lists(
    st.text("ab09-", max_size=4) | st.sampled_from(["a" * 63, "a" * 64, "0" * 63]), max_size=6
).map(".".join)
NEAR = st.sampled_from(["", "\n", "\r\n", " ", "\x00", "\u0660", "\u212a", "\u2028", "A", "g", ".", "-"])


def accepts(shape: object, value: object) -> str:
    """Empty when taken, else what is said."""
    adapter = TypeAdapter(shape, config=ConfigDict(strict=True))
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""


@settings(max_examples=300)
@given(LAB_TEXT, NEAR, NEAR)
@example("a.b", "", "\n")
@example("lab-a.example", "", "")
@example("a." + "b" * 63, "", "")
@example("a.1b", "", "")
@example(".".join(["a" * 63] * 4)[:253], "", "")
@example(".".join(["a" * 63] * 4), "", "")
def test_lab_names(text: str, before: str, behind: str) -> None:
    given_text = before + text + behind
    said = accepts(LabName, given_text)
    assert (said == "") == (re.fullmatch(LAB_NAME, given_text, re.DOTALL) is not None)
    if 3 <= len(given_text) <= 253 and said:
        assert said == "Value error, is not a lab name (lower case, like a domain: lab-a.example)"


@settings(max_examples=200)
@given(st.text("0123456789abcdefAF", min_size=30, max_size=66), NEAR, NEAR)
@example("0" * 32, "", "")
@example("0" * 32, "", "\n")
@example("f" * 64, "", "")
@example("f" * 64, "", "\n")
@example("f" * 64, "\n", "")
def test_hexadecimal(text: str, before: str, behind: str) -> None:
    given_text = before + text + behind
    for shape, digits in ((Hex16, 32), (Hex32, 64)):
        said = accepts(shape, given_text)
        assert (said == "") == (re.fullmatch(f"[0-9a-f]{{{digits}}}", given_text) is not None)
        assert said in ("", f"Value error, is not {digits} lower-case hexadecimal digits")


@settings(max_examples=200)
@given(st.datetimes(), st.integers(0, 19), NEAR)
@example(None, 0, "")
def test_instants(moment: object, at: int, put: str) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0") if moment else "2026-02-30T00:00:00Z"
    changed = text[:at] + put + text[at + 1 :]
    for each in (text, text + put, changed):
        said = accepts(Instant, each)
        if re.fullmatch(INSTANT, each) is None:
            assert said == "Value error, is not a time written YYYY-MM-DDTHH:MM:SSZ"
        else:
            assert said in ("", "Value error, is not a date and time of the calendar")
    assert accepts(Instant, text) == ("" if moment else "Value error, is not a date and time of the calendar")


@pytest.mark.parametrize("value", [b"0" * 32, 7, None, ["a.b"], "\ud800" * 32])
@pytest.mark.parametrize("shape", [Hex16, Hex32, LabName, Instant])
def test_what_is_no_text_is_refused_as_such(shape: object, value: object) -> None:
    said = accepts(shape, value)
    assert said
    if not isinstance(value, str):
        assert said == "Input should be a valid string"
