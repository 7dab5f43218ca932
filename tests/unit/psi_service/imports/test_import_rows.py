"""One row: understood as a whole, or refused with every reason and never a value."""

from __future__ import annotations

import json

import pytest

from psi_service.imports.attributes import Attributes
from psi_service.imports.cells import MAX_CELLS
from psi_service.imports.columns import FIELDS, ColumnMap, CsvLayout
from psi_service.imports.raw_row import RawRow
from psi_service.imports.refusal import Refusal
from psi_service.imports.rows import Row, read_row

LONG = CsvLayout.of(FIELDS, ColumnMap.of({}))
WIDE_COLUMNS = ColumnMap.of({"mail": "email", "mail2": "email", "addr": "ip", "tel": "phone"})
WIDE = CsvLayout.of(["actor", "mail", "mail2", "addr", "tel", "tlp"], WIDE_COLUMNS)


def _long(*fields: str) -> Row | list[Refusal]:
    return read_row(RawRow(7, [*fields, *[""] * (len(FIELDS) - len(fields))]), LONG, None)


def _wide(*fields: str, region: str | None = None) -> Row | list[Refusal]:
    return read_row(RawRow(7, list(fields)), WIDE, region)


def _json(value: object, columns: ColumnMap | None = None) -> Row | list[Refusal]:
    line = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_row(RawRow(7, line), columns or ColumnMap.of({}), None)


def test_a_long_row() -> None:
    row = _long(
        " acct-1 ",
        "Email",
        "X@Example.COM",
        "2026-02-03",
        "2026-03-04",
        "70",
        "TLP:RED",
        "High",
        "silver fox",
        "ring",
        "2027-01-01",
    )
    assert row == Row(
        "acct-1",
        [("email", "x@example.com")],
        Attributes(
            "2026-02-03T00:00:00Z",
            "2026-03-04T00:00:00Z",
            70,
            "red",
            "high",
            "silver fox",
            "ring",
            "2027-01-01T00:00:00Z",
        ),
    )


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("192.0.2.7", ("ipv4", "192.0.2.7")),
        ("2001:DB8::0:7", ("ipv6", "2001:db8::7")),
        ("::ffff:192.0.2.7", ("ipv4", "192.0.2.7")),
    ],
)
def test_ip_means_either(text: str, exact: tuple[str, str]) -> None:
    assert _long("acct-1", "ip", text) == Row("acct-1", [exact], Attributes())


def test_a_wide_row_has_several_values_and_empty_cells_say_nothing() -> None:
    row = _wide("acct-1", "a@example.com", "B@example.com", "", "030 1234567", "green", region="DE")
    assert row == Row(
        "acct-1",
        [("email", "a@example.com"), ("email", "b@example.com"), ("phone", "+49301234567")],
        Attributes(tlp="green"),
    )


def test_every_fault_of_a_row_is_told_and_none_of_its_values_kept() -> None:
    refusals = _wide("acct-1", "a@example.com", "secret", "300.secret", "", "secret")
    assert isinstance(refusals, list)
    assert [(refusal.line, refusal.column, refusal.kind) for refusal in refusals] == [
        (7, "mail2", "email"),
        (7, "addr", "ip"),
        (7, "tlp", ""),
    ]
    assert "secret" not in repr(refusals)


@pytest.mark.parametrize(
    ("fields", "column", "kind", "words"),
    [
        (("", "email", "a@example.com"), "actor", "", "empty"),
        (("a\x1fb", "email", "a@example.com"), "actor", "", "control character"),
        (("x" * 257, "email", "a@example.com"), "actor", "", "longer than 256"),
        (("acct-1", "", "a@example.com"), "kind", "", "unknown"),
        (("acct-1", "secret@example.com", "email"), "kind", "", "unknown"),
        (("acct-1", "email", ""), "value", "email", "empty"),
        (("acct-1", "card", "4111111111111112"), "value", "card", ""),
        (("acct-1", "email", "a@example.com", "2026-02-30"), "first_seen", "", "calendar"),
        (("acct-1", "email", "a@example.com", "2026-02-03", "2026-02-02"), "last_seen", "", "before"),
        (("acct-1", "email", "a@example.com", "", "", "101"), "confidence", "", "0 to 100"),
        (("acct-1", "email", "a@example.com", *[""] * 9), "", "", "has 12 fields, the header 11"),
        (("acct-1", "email", "M\udcfcller@example.com"), "", "", "not UTF-8"),
        (("acct-1", "email", "a\x00@example.com"), "", "", "NUL"),
    ],
)
def test_refused(fields: tuple[str, ...], column: str, kind: str, words: str) -> None:
    refusals = _long(*fields)
    assert isinstance(refusals, list)
    (refusal,) = refusals
    assert refusal[:3] == (7, column, kind)
    assert words in refusal.reason
    assert not any(field in refusal.reason for field in fields if len(field) > 8)


def test_a_row_without_values_is_refused() -> None:
    assert _wide("acct-1", "", " ", "", "", "") == [Refusal(7, "", "", "the row has no value of any kind")]


def test_a_row_that_could_not_be_read_keeps_its_reason() -> None:
    assert read_row(RawRow(9, None, "broken"), LONG, None) == [Refusal(9, "", "", "broken")]


def test_json_long_and_wide() -> None:
    long = {
        "value": 13335,
        "kind": "asn",
        "actor": "acct-1",
        "confidence": 70,
        "label": None,
        "other": {"x": 1},
    }
    assert _json(long) == Row("acct-1", [("asn", "13335")], Attributes(confidence=70))
    wide = {"Actor": "acct-1", "mail": ["a@example.com", "b@example.com"], "addr": "192.0.2.7", "tel": []}
    assert _json(wide, WIDE_COLUMNS) == Row(
        "acct-1",
        [("email", "a@example.com"), ("email", "b@example.com"), ("ipv4", "192.0.2.7")],
        Attributes(),
    )
    several = {"actor": "acct-1", "kind": "ip", "value": ["192.0.2.7", "192.0.2.8"]}
    assert _json(several) == Row("acct-1", [("ipv4", "192.0.2.7"), ("ipv4", "192.0.2.8")], Attributes())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'[["actor","x"]]', "not a JSON object"),
        (b'"secret"', "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"actor":' * 20_000, "not a JSON object"),
        (b'{"actor":"a","kind":"asn","value":NaN}', "not a JSON object"),
        (b'{"actor":"a","kind":"asn","value":' + b"1" * 5000 + b"}", "not a JSON object"),
        (b'{"actor":"a","kind":"email","value":"M\xfcller@x.example"}', "not UTF-8"),
        (b'{"actor":"a","kind":"email","value":"\\ud800@x.example"}', "not UTF-8"),
        (b'{"actor":"a","kind":"email","value":"a\\u0000@x.example"}', "NUL"),
        (b'{"actor":"a","Actor":"b","kind":"asn","value":"1"}', "twice"),
        (b'{"actor":"a","kind":"asn","value":1.5}', "neither text nor a whole number"),
        (b'{"actor":"a","kind":"asn","value":true}', "neither text nor a whole number"),
        (b'{"actor":"a","kind":"asn","value":{"x":1}}', "neither text nor a whole number"),
        (b'{"actor":"a","kind":"asn","value":[["1"]]}', "neither text nor a whole number"),
        (b'{"actor":"a","kind":"asn","value":"1","tlp":["red","clear"]}', "tlp has a list"),
        (b'{"kind":"asn","value":"1"}', "names no actor"),
        (b'{"actor":"a","value":"1"}', "names no kind"),
        (b'{"actor":"a","kind":"asn"}', "no value of any kind"),
        (b'{"actor":"a","kind":"asn","value":[' + b"1," * MAX_CELLS + b"1]}", "more than 1000 values"),
    ],
)
def test_json_refused(line: bytes, words: str) -> None:
    refusals = _json(line)
    assert isinstance(refusals, list)
    assert words in refusals[0].reason
    assert "secret" not in repr(refusals)
