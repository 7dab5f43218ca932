"""Packed rows: read like a list, found and gathered alike with and without the native core."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psi_core.session.packed import NOWHERE, Packed, absent, find, gather

ROWS = st.lists(st.integers(0, 60).map(lambda n: n.to_bytes(32, "big")), max_size=40)


def test_rows_are_read_and_cut_like_a_list() -> None:
    rows = [bytes([n]) * 4 for n in range(5)]
    packed = Packed.of(rows, 4)
    assert list(packed) == rows
    assert (packed[0], packed[-1], len(packed)) == (rows[0], rows[-1], 5)
    assert list(packed[1:3]) == rows[1:3]
    assert list(packed[3:1]) == []
    assert list(packed + packed[:1]) == [*rows, rows[0]]
    assert Packed.of(packed, 4) is packed
    with pytest.raises(IndexError):
        packed[5]


def test_rows_of_another_width_are_refused_and_none_is_shown() -> None:
    with pytest.raises(ValueError, match="whole number"):
        Packed(b"12345", 4)
    with pytest.raises(ValueError, match="4 bytes"):
        Packed.of([b"123", b"45678"], 4)
    assert "6162" not in repr(Packed(b"abcd", 4))
    assert "abcd" not in repr(Packed(b"abcd", 4))


@pytest.mark.usefixtures("each_core")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_only_distinct_sorted_rows_ascend(rows: list[bytes]) -> None:
    assert Packed.of(rows).ascends() == (rows == sorted(set(rows)))


@pytest.mark.usefixtures("each_core")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, ROWS.map(lambda rows: sorted(set(rows))))
def test_what_is_found_is_gathered(sought: list[bytes], held: list[bytes]) -> None:
    places = find(Packed.of(sought), Packed.of(held))
    assert list(places) == [held.index(row) if row in held else NOWHERE for row in sought]
    gathered = gather(Packed.of(held), places)
    assert list(gathered) == [row if row in held else bytes(32) for row in sought]


@pytest.mark.usefixtures("each_core")
def test_a_place_past_the_end_is_refused() -> None:
    with pytest.raises((ValueError, IndexError)):
        gather(Packed(bytes(32)), array("I", [1]))


@given(st.lists(st.booleans(), max_size=50))
def test_absent_places_are_those_that_say_so(there: list[bool]) -> None:
    places = array("I", [at if held else NOWHERE for at, held in enumerate(there)])
    assert list(absent(places)) == [at for at, held in enumerate(there) if not held]
