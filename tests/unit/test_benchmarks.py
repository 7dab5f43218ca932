"""The benchmarks run, mean what they say and print one object; how fast is nobody's business here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Figures
from benchmarks.made_up import write_rows
from benchmarks.plain_exchange import _join, _sorted
from psi_service.imports.columns import ColumnMap
from psi_service.imports.csv_rows import CsvRows, records_of
from psi_service.imports.raw_row import CsvText, RawRow
from psi_service.imports.rows import Row, read_row

FIELDS = {"seconds", "us_per_item", "bytes_per_item", "peak_rss_bytes", "ratio_to"}


@pytest.mark.parametrize(
    ("arguments", "baseline"),
    [(["import", "--rows", "300"], "csv_sqlite"), (["audit", "--entries", "300"], "hash_twice")],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_a_small_run(
    arguments: list[str], baseline: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments, "--json"])
    main()
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found.keys() >= FIELDS
    assert found["items"] == 300
    assert found["ratio_to"].keys() == found["cpu_ratio_to"].keys() == {baseline}
    assert all(found[field] > 0 for field in FIELDS - {"ratio_to"})


def test_figures_are_by_item_and_by_baseline() -> None:
    found = Figures(
        command="x",
        items=1000,
        seconds=3.0,
        bytes=40_000,
        peak_rss_bytes=7,
        baselines={"plain": 1.5},
        cpu_seconds=4.0,
        baseline_cpu_seconds={"plain": 1.0},
    ).as_object()
    assert (found["us_per_item"], found["bytes_per_item"]) == (3000.0, 40.0)
    assert (found["ratio_to"], found["cpu_ratio_to"]) == ({"plain": 2.0}, {"plain": 4.0})


def test_made_up_rows_are_all_good_and_some_are_unusual(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, 2000)
    reader = CsvRows(ColumnMap.of({}))
    pieces = reader.feed(path.read_bytes()) + reader.finish()
    raw = [
        RawRow(*found)
        for piece in pieces
        for found in (records_of(piece) if isinstance(piece, CsvText) else [(piece.line, piece.content)])
    ]
    rows = [read_row(each, reader.layout, None) for each in raw]
    assert len(rows) == 2000
    assert all(isinstance(row, Row) for row in rows)
    assert sum(isinstance(each.content, list) and not each.content[2].isascii() for each in raw) > 2


def test_the_plain_exchange_finds_what_is_shared() -> None:
    ours, theirs = bytes(range(64)), bytes(range(32, 96))
    assert _join(_sorted(ours), _sorted(theirs)) == 4
