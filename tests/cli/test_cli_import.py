"""`psi import`: what is sent, what is said of it, and the refused rows in a file of their own."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_client.cli.own_file import FileFormat, csv_records, json_lines
from psi_client.cli.refused_rows import refused_rows
from psi_service.imports.columns import ColumnMap
from psi_service.imports.csv_rows import CsvRows, records_of
from psi_service.imports.json_lines import JsonLines
from psi_service.imports.raw_row import CsvText, RawRow
from tests.commands import FakeNode, run_psi

CSV = (
    "actor,kind,value\n"
    "acct-1,email,ada@example.org\n"
    '"acct-2\nx",email,bob@example.org\n'
    "\n"
    "acct-3,card,4242 4242 4242 4241\n"
    "acct-4,email\n"
    "acct-5,email,a,b\n"
)


def refusal(line: int, reason: str, column: str = "value", kind: str = "email") -> dict[str, Any]:
    return {"file": "list.csv", "line": line, "column": column, "kind": kind, "reason": reason}


def report(*refusals: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "import_id": 1,
        "file": "list.csv",
        "state": "done",
        "rows": 6,
        "kept": 6 - len(refusals),
        "refused": len(refusals),
        "actors": 2,
        "new_actors": 1,
        "indicators": 2,
        "derived": 3,
        "ignored_columns": [],
        "refusals": list(refusals),
        "more_refusals": False,
        **other,
    }


REFUSED = (
    refusal(3, "the actor's reference holds an invisible character", "actor", ""),
    refusal(6, "the check digit (Luhn) is wrong", kind="card"),
    refusal(7, "has 2 fields, the header 3", "", ""),
    refusal(8, "has 4 fields, the header 3", "", ""),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(CSV)
    return path


def test_the_file_and_the_options_reach_the_node(node: FakeNode, file: Path) -> None:
    node.answers["POST /v1/imports"] = report()
    options = (
        "--map",
        "mail=email",
        "--map",
        "a=b=phone",
        "--region",
        "DE",
        "--strict",
        "--actor-column",
        "id",
    )
    result = run_psi("import", file, *options, "--profile", node.profile)
    assert result.exit_code == 0, result.output
    (sent,) = node.requests
    assert sent.body == CSV.encode()
    assert sent.query == {
        "name": ["list.csv"],
        "format": ["csv"],
        "map": ["mail=email", "a=b=phone"],
        "region": ["DE"],
        "actor_column": ["id"],
        "strict": ["true"],
    }
    assert "2 actors (1 new)   2 indicators (and 3 derived)   0 rows refused" in result.stdout


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("a.csv", None, "csv"),
        ("a.JSONL", None, "jsonl"),
        ("a.txt", "jsonl", "jsonl"),
        ("a.ndjson", "csv", "csv"),
    ],
)
def test_the_format_is_the_names_unless_said(
    node: FakeNode, tmp_path: Path, name: str, given: str | None, sent: str
) -> None:
    (tmp_path / name).write_text("x")
    node.answers["POST /v1/imports"] = report()
    words = ("--format", given) if given else ()
    assert run_psi("import", tmp_path / name, *words, "--profile", node.profile).exit_code == 0
    assert node.requests[0].query["format"] == [sent]


def test_refused_rows_are_shown_and_written_as_they_stood(node: FakeNode, file: Path, tmp_path: Path) -> None:
    node.answers["POST /v1/imports"] = report(*REFUSED, ignored_columns=["comment"])
    target = tmp_path / "refused.csv"
    target.write_text("an older report")
    result = run_psi("import", file, "--refused", target, "--profile", node.profile)
    assert result.exit_code == 0
    for words in (
        "4 rows refused",
        "columns passed over: comment",
        "the check digit (Luhn) is wrong",
        str(target),
    ):
        assert words in result.stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(csv.reader(io.StringIO(target.read_bytes().decode(), newline=""))) == [
        ["actor", "kind", "value", "refused_line", "refused_column", "refused_kind", "refused_reason"],
        ["acct-2\nx", "email", "bob@example.org", "3", "actor", "", REFUSED[0]["reason"]],
        ["acct-3", "card", "4242 4242 4242 4241", "6", "value", "card", REFUSED[1]["reason"]],
        ["acct-4", "email", "", "7", "", "", REFUSED[2]["reason"]],
        ["acct-5", "email", "a,b", "8", "", "", REFUSED[3]["reason"]],
    ]


def test_json_is_the_report_and_where_the_rows_went(node: FakeNode, file: Path, tmp_path: Path) -> None:
    node.answers["POST /v1/imports"] = report(*REFUSED)
    target = tmp_path / "refused.csv"
    result = run_psi("import", file, "--refused", target, "--profile", node.profile, "--json")
    assert json.loads(result.stdout) == {**report(*REFUSED), "refused_file": str(target)}
    assert result.stderr == ""


def test_a_strict_import_that_kept_nothing_fails(node: FakeNode, file: Path) -> None:
    node.answers["POST /v1/imports"] = report(*REFUSED, state="refused", kept=0)
    result = run_psi("import", file, "--strict", "--profile", node.profile)
    assert result.exit_code == 1
    assert "nothing kept" in result.stdout
    assert result.stderr.splitlines()[-1] == (
        "error: nothing of list.csv was kept: 4 rows are refused and --strict was given. Mend them, or import "
        "without --strict (code refused)"
    )
    result = run_psi("import", file, "--strict", "--profile", node.profile, "--json")
    assert (result.exit_code, json.loads(result.stdout)["state"]) == (1, "refused")


def test_what_is_not_listed_is_said(node: FakeNode, file: Path) -> None:
    many = [refusal(line, "wrong") for line in range(2, 30)]
    node.answers["POST /v1/imports"] = report(*many, more_refusals=True)
    result = run_psi("import", file, "--profile", node.profile)
    assert "... and 8 more: --refused FILE writes them all" in result.stdout
    assert "names the first 28 faults; there are more" in result.stdout


@pytest.mark.parametrize("wrong", ["email", "=email", "mail=", " =email"])
def test_a_mapping_is_written_column_equals_kind(node: FakeNode, file: Path, wrong: str) -> None:
    result = run_psi("import", file, "--map", wrong, "--profile", node.profile)
    assert (result.exit_code, node.requests) == (1, [])
    assert "--map is written COLUMN=KIND" in result.stderr


def test_a_column_is_mapped_once_and_the_file_must_be_there(node: FakeNode, file: Path) -> None:
    twice = run_psi("import", file, "--map", "a=email", "--map", "a=phone", "--profile", node.profile)
    assert "names one column twice" in twice.stderr
    missing = run_psi("import", file.parent / "none.csv", "--profile", node.profile)
    assert missing.exit_code == 1
    assert "none.csv cannot be read" in missing.stderr
    assert not node.requests


def test_refused_json_lines_keep_their_text(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"actor": 1}\n\nnot json\xff\n{"a": "\r"}\n{"last": 1}')
    found = refused_rows(path, FileFormat.JSONL, [refusal(3, "not JSON"), refusal(5, "no actor")])
    assert found == (
        b"row,refused_line,refused_column,refused_kind,refused_reason\n"
        b"not json\xff,3,value,email,not JSON\n"
        b'"{""last"": 1}",5,value,email,no actor\n'
    )


def test_a_row_with_two_faults_and_one_that_is_no_csv(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('actor,kind,value\na,email,"x"y\nb,email,z\n')
    found = refused_rows(path, FileFormat.CSV, [refusal(2, "one"), refusal(2, "two", "actor")])
    assert list(csv.reader(io.StringIO(found.decode())))[1:] == [
        ['a,email,"x"y', "", "", "2", "value; actor", "email; email", "one; two"]
    ]


def taken_apart(piece: RawRow | CsvText) -> Iterator[tuple[int, Any]]:
    if isinstance(piece, RawRow):
        yield piece.line, piece.content
    else:
        yield from records_of(piece)


@given(st.text(alphabet='a,"\n\r \x00ä', max_size=60))
def test_lines_are_counted_as_the_node_counts_them(text: str) -> None:
    text = "actor,kind,value\n" + text
    rows = CsvRows(ColumnMap.of({}))
    theirs = [found for piece in (*rows.feed(text.encode()), *rows.finish()) for found in taken_apart(piece)]
    ours = list(csv_records(io.StringIO(text, newline="")))[1:]
    assert theirs == [(record.line, record.fields) for record in ours]


@given(st.text(alphabet="a \n\rä", max_size=60))
def test_json_lines_are_counted_as_the_node_counts_them(text: str) -> None:
    rows = JsonLines(ColumnMap.of({}))
    theirs = [*rows.feed(text.encode()), *rows.finish()]
    ours = json_lines(io.StringIO(text, newline=""))
    assert [row.line for row in theirs] == [record.line for record in ours]
