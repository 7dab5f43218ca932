"""The quick reader of CSV records gives the rows that the careful one gives, or leaves them to it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_service.imports.columns import FIELDS, ColumnMap, CsvLayout
from psi_service.imports.quick_rows import QuickRows
from psi_service.imports.raw_row import RawRow
from psi_service.imports.rows import read_row

CELLS: Mapping[str, list[str]] = {
    "actor": ["acct-1", " acct-2 ", "", "a\x1fb", "x" * 257, "ünï"],
    "kind": ["email", " Email ", "ip", "asn", "", "telex", "device_id", "phone"],
    "value": [
        "a@example.com",
        "A@Example.com ",
        "192.0.2.7",
        "::ffff:192.0.2.7",
        "2001:db8::1",
        "13335",
        "",
        "030 1",
    ],
    "first_seen": ["", "2026-02-03", "2026-02-30", "2026-02-03T01:02:03+02:00", " 2026-02-05 "],
    "last_seen": ["", "2026-02-04", "2026-02-01", "x"],
    "confidence": ["", "70", "101", "x"],
    "tlp": ["", "TLP:RED", "white"],
    "severity": ["", "High", "severe"],
    "campaign": ["", "silver fox", "a\x00b", "y" * 201],
    "label": ["", "ring", "a\x00b", "y" * 201],
    "expires_at": ["", "2027-01-01"],
    "email": ["a@example.com", "", " ", "B@example.com", "nonsense"],
    "ip": ["192.0.2.7", "", "2001:db8::1", "::ffff:192.0.2.7", "nonsense"],
    "phone": ["+491712345678", "", "030 1234567", "nonsense"],
}
WIDE = {"mail": "email", "mail2": "email", "addr": "ip", "tel": "phone"}

LAYOUTS = {
    "long": CsvLayout.of(FIELDS, ColumnMap.of({})),
    "long, few columns": CsvLayout.of(["value", "x", "kind", "actor"], ColumnMap.of({})),
    "long, one attribute": CsvLayout.of(["tlp", "value", "kind", "actor"], ColumnMap.of({})),
    "wide": CsvLayout.of(["actor", *WIDE, "tlp"], ColumnMap.of(WIDE)),
}


@st.composite
def records(draw: st.DrawFn, layout: CsvLayout) -> list[str]:
    fields = ["?"] * layout.width
    for index, _, target in layout.columns:
        # Mostly what is good, which stands first, or hardly any record would be.
        cells = CELLS[target]
        fields[index] = draw(st.sampled_from(cells[:2]) | st.sampled_from(cells))
    return draw(st.sampled_from([fields, fields, fields, fields[:-1], [*fields, ""]]))


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("region", [None, "DE"])
def test_quick_is_as_careful(name: str, region: str | None) -> None:
    layout = LAYOUTS[name]
    quick = QuickRows(layout, region)
    taken = 0

    @given(records(layout))
    def check(fields: list[str]) -> None:
        nonlocal taken
        row = quick.read(fields)
        if row is not None:
            taken += 1
            assert read_row(RawRow(2, fields), layout, region) == row

    check()
    assert taken


def test_more_cells_than_a_row_may_have_are_left_to_the_careful_one() -> None:
    names = [f"m{number}" for number in range(1001)]
    layout = CsvLayout.of(["actor", *names], ColumnMap.of(dict.fromkeys(names, "asn")))
    assert QuickRows(layout, None).read(["acct-1", *["1"] * 1001]) is None
