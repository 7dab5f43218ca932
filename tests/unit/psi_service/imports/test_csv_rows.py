"""CSV in pieces: the same rows however the bytes are cut; broken records are told and the file goes on."""

from __future__ import annotations

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core.errors import InputError
from psi_service.imports.columns import ColumnMap
from psi_service.imports.csv_rows import MAX_RECORD, CsvRows, records_of
from psi_service.imports.raw_row import CsvText, Piece, RawRow

LONG = ColumnMap.of({})
HEADER = b"actor,kind,value\n"


def _apart(pieces: list[Piece]) -> list[RawRow]:
    """Every record as a row of its own, as a worker takes text apart."""
    rows: list[RawRow] = []
    for piece in pieces:
        rows += [piece] if isinstance(piece, RawRow) else [RawRow(*found) for found in records_of(piece)]
    return rows


def _read(data: bytes, *cuts: int) -> list[RawRow]:
    reader = CsvRows(LONG)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [piece for start, end in pairwise(edges) for piece in reader.feed(data[start:end])]
    return _apart(pieces + reader.finish())


def _contents(rows: list[RawRow]) -> list[object]:
    return [row.content for row in rows]


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(
    rows=st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=8),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_any_cut_gives_the_rows_that_were_written(
    rows: list[list[str]], ending: str, bom: bool, cuts: list[int]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["actor", "kind", "value"])
    writer.writerows(rows)
    data = (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()
    whole = _read(data)
    assert _contents(whole) == rows
    assert _read(data, *cuts) == whole


def test_cut_after_every_byte() -> None:
    data = HEADER + 'a,email,"x@\r\nä ""q"" 日本"\r\n\r\nb,ip,1.1.1.1'.encode()
    rows = _read(data, *range(len(data)))
    assert rows == [RawRow(2, ["a", "email", 'x@\r\nä "q" 日本']), RawRow(5, ["b", "ip", "1.1.1.1"])]


def test_text_without_a_fault_is_handed_on_as_text() -> None:
    reader = CsvRows(LONG)
    reader.feed(HEADER)
    plain, quoted = b"a,email,x\n\nb,email,y\n", b'"a",label,"1\r\n2"\nb,email,y\n'
    pieces = reader.feed(plain) + reader.feed(quoted)
    assert pieces == [CsvText(2, 3, plain.decode()), CsvText(5, 3, quoted.decode())]
    assert [row.line for row in _apart(pieces)] == [2, 4, 5, 7]


def test_line_numbers_are_where_a_row_begins() -> None:
    rows = _read(HEADER + b'a,label,"1\n2\n3"\n\nb,email,x\n"c\nd",email,y\n')
    assert [row.line for row in rows] == [2, 6, 7]


@pytest.mark.parametrize("cuts", [(), tuple(range(200))], ids=["whole", "byte by byte"])
def test_a_malformed_record_is_told_and_the_next_one_read(cuts: tuple[int, ...]) -> None:
    rows = _read(HEADER + b'a,email,"x"y\nb,email,z\n', *cuts)
    assert rows[0].line == 2
    assert rows[0].content is None
    assert "not well-formed CSV" in rows[0].fault
    assert rows[1:] == [RawRow(3, ["b", "email", "z"])]


def test_a_quote_that_is_never_closed_says_which_lines_it_swallowed() -> None:
    rows = _read(HEADER + b'a,email,x\nb,email,"y\nc,email,z\nd,email,w\n', 30, 31, 40)
    assert rows[0] == RawRow(2, ["a", "email", "x"])
    (lost,) = rows[1:]
    assert (lost.line, lost.content) == (3, None)
    assert "never closed; everything to line 5 was lost" in lost.fault


def test_a_stray_quote_loses_no_more_than_a_field_may_hold() -> None:
    good = b"".join(b"acct-%06d,email,user%06d@example.com\n" % (n, n) for n in range(20_000))
    data = HEADER + b'a,email,"stray\n' + good
    rows = _read(data, *range(0, len(data), 65_536))
    (lost,) = [row for row in rows if row.content is None]
    assert lost.line == 2
    assert "was lost with it" in lost.fault
    kept = [row for row in rows if row.content is not None]
    swallowed = 20_000 - len(kept)
    assert 0 < swallowed * 36 <= csv.field_size_limit() + 36
    assert kept[-1] == RawRow(20_002, ["acct-019999", "email", "user019999@example.com"])
    assert kept[0].line == 3 + swallowed


@pytest.mark.parametrize("piece", [1 << 16, 1 << 22])
def test_an_endless_record_is_dropped_in_bounded_memory(piece: int) -> None:
    fields = b",".join([b"x" * 1000] * 1000)
    reader = CsvRows(LONG)
    data = HEADER + fields + b"\nb,email,z\n"
    rows: list[RawRow] = []
    for start in range(0, len(data), piece):
        rows += _apart(reader.feed(data[start : start + piece]))
        assert len(reader._pending) <= MAX_RECORD
    rows += _apart(reader.finish())
    assert rows[-1] == RawRow(3, ["b", "email", "z"])
    assert rows[0].line == 2
    assert rows[0].content is None or len(rows[0].content) == 1000


def test_an_endless_record_of_quoted_lines_is_dropped_in_bounded_memory() -> None:
    reader = CsvRows(LONG)
    rows = _apart(reader.feed(HEADER))
    for _ in range(300):
        rows += _apart(reader.feed((b'"' + b"x" * 1000 + b'\n",') * 3))
        assert len(reader._pending) <= MAX_RECORD
    rows += _apart(reader.feed(b'"\nb,email,z\n') + reader.finish())
    assert rows[0].content is None
    assert "longer than" in rows[0].fault
    assert rows[-1] == RawRow(903, ["b", "email", "z"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_another_encoding_is_refused_in_words(encoding: str) -> None:
    with pytest.raises(InputError, match="save the file as plain CSV in UTF-8"):
        _read("actor,kind,value\nacct-1,email,x@example.com\n".encode(encoding))


def test_a_byte_that_is_no_utf8_stays_with_its_row() -> None:
    rows = _read(HEADER + "a,username,x:Müller\n".encode("latin-1") + b"b,email,z\n")
    assert rows[1] == RawRow(3, ["b", "email", "z"])
    assert rows[0].content == ["a", "username", "x:M\udcfcller"]


def test_nothing_in_the_file_is_refused() -> None:
    for data in (b"", b"\n\n", b"\xef\xbb\xbf"):
        with pytest.raises(InputError, match="empty"):
            _ = (reader := CsvRows(LONG)).feed(data) + reader.finish(), reader.layout
