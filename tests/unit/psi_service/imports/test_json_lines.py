"""JSONL in pieces: whole lines, numbered, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from psi_service.imports.columns import ColumnMap
from psi_service.imports.json_lines import MAX_LINE, JsonLines
from psi_service.imports.raw_row import RawRow


def _read(data: bytes, *cuts: int) -> list[RawRow]:
    reader = JsonLines(ColumnMap.of({}))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    rows = [row for start, end in pairwise(edges) for row in reader.feed(data[start:end])]
    return rows + reader.finish()


@given(
    lines=st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_any_cut_gives_the_lines(lines: list[bytes], cuts: list[int]) -> None:
    data = b"{}\n" + b"\n".join(lines)
    expected = [RawRow(1, b"{}")] + [
        RawRow(number, line) for number, line in enumerate(lines, start=2) if line.strip()
    ]
    assert _read(data, *cuts) == expected


def test_a_byte_order_mark_is_dropped() -> None:
    assert _read(b"\xef\xbb\xbf{}\n{}", 1, 2, 4) == [RawRow(1, b"{}"), RawRow(2, b"{}")]


def test_an_endless_line_is_dropped_in_bounded_memory() -> None:
    reader = JsonLines(ColumnMap.of({}))
    rows: list[RawRow] = []
    for _ in range(40):
        rows += reader.feed(b"x" * (MAX_LINE // 8))
        assert len(reader._pending) <= MAX_LINE
    rows += reader.feed(b"x\n{}\n") + reader.finish()
    assert [(row.line, row.content) for row in rows] == [(1, None), (2, b"{}")]
    assert "longer than" in rows[0].fault


def test_a_long_line_inside_one_piece_is_told_too() -> None:
    rows = _read(b"{}\n" + b"x" * (MAX_LINE + 1) + b"\n{}\n")
    assert [(row.line, row.content) for row in rows] == [(1, b"{}"), (2, None), (3, b"{}")]
