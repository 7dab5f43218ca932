"""The quick writer of canonical JSON writes what the RFC 8785 library writes, for whatever it is given."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from psi_core import native_core
from psi_core.errors import InvalidText
from psi_core.log import jcs

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.text(st.characters(max_codepoint=127), max_size=6) | TEXT
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-jcs.MAX_INTEGER, jcs.MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400)
@given(VALUES)
@example("".join(map(chr, range(0x100))))
@example({"\U0001f600": 1, "\ufb33": 2, "\u20ac": 3})
@example({"a": [True, False, None, 0, -1, "\u2028\x7f/"], "": {}, "A": []})
def test_written_as_the_library_does_and_read_back(value: object) -> None:
    written = jcs.encode(value)
    assert written == rfc8785.dumps(value)  # type: ignore[arg-type]  # whatever hypothesis draws is JSON
    assert jcs.decode(written, limit=len(written)) == value


@pytest.mark.skipif(not native_core.available(), reason="needs the native core")
@settings(max_examples=400)
@given(VALUES, st.integers(min_value=0), st.binary(max_size=2))
@example({"a": {"b": [0]}}, 5, b"")
@example("\x1f\x7f", 2, b"\\")
def test_the_native_core_agrees_on_what_is_canonical_whatever_is_changed(
    value: object, at: int, put: bytes
) -> None:
    """Its yes is final, so it may never be given to what the readable form refuses."""
    written = jcs.encode(value)
    place = at % (len(written) + 1)
    changed = written[:place] + put + written[place + 1 :]
    for data in (written, changed):
        accepted, read = _read_in_python(data)
        if native_core.native.is_canonical(data):
            assert accepted
            # repr tells True from 1, which == does not.
            assert repr(jcs.decode(data, limit=len(data))) == repr(read)
        elif accepted:
            assert b"\\" in data or not data.isascii()


def _read_in_python(data: bytes) -> tuple[bool, object]:
    """Whether it is taken, and what it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_core, "native", None)
        try:
            return True, jcs.decode(data, limit=len(data))
        except InvalidText:
            return False, None
