"""Names that others chose cannot move the cursor, recolour the screen, or look like other names."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from psi_client.cli.plain import plain, plain_lines
from psi_client.cli.show.table import cell, counted, day, minute, print_line, print_pairs, print_table, size


def console(width: int = 200) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, markup=False, emoji=False, highlight=False), out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lab-b.example", "lab-b.example"),
        ("[red]lab[/red]", "[red]lab[/red]"),
        ("Zoë 漢字 🎉", "Zoë 漢字 🎉"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"),
        ("a\x9b31mb", "a\\x9b31mb"),
        ("\u202eevil\u202c", "\\u202eevil\\u202c"),
        ("pay\u200bpal", "pay\\u200bpal"),
        ("line\u2028sep", "line\\u2028sep"),
        ("half\ud800", "half\\ud800"),
        ("tag\U000e0041", "tag\\U000e0041"),
    ],
)
def test_unseen_characters_are_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_whatever_comes_stays_on_one_line_and_is_visible(text: str) -> None:
    shown = plain(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for each in shown)


def test_what_is_too_long_is_cut() -> None:
    assert plain("x" * 601) == "x" * 600 + "…"
    assert plain("x" * 600) == "x" * 600


def test_lines_stay_lines() -> None:
    assert plain_lines("one\ntwo\x1b\n") == "one\ntwo\\x1b"


def test_tables_read_no_markup_no_emoji_and_no_control_characters() -> None:
    where, out = console()
    print_table(where, ("lab", "title"), [("[bold]b[/bold]", ":smile: \x1b]0;title\x07")])
    print_pairs(where, {"lab": "[link=evil]x[/link]"})
    print_line(where, "[red]\x1b[31m")
    text = out.getvalue()
    assert "\x1b" not in text
    assert "\x07" not in text
    for part in ("[bold]b[/bold]", ":smile: \\x1b]0;title\\x07", "[link=evil]x[/link]", "[red]\\x1b[31m"):
        assert part in text


def test_a_narrow_terminal_loses_nothing() -> None:
    where, out = console(width=30)
    print_table(where, ("actor", "peer"), [("acct-0123456789", "a-long-name.lab-b.example")])
    joined = "".join(out.getvalue().split())
    assert "".join(sorted(joined)) == "".join(sorted("actorpeeracct-0123456789a-long-name.lab-b.example"))


def test_cells_and_figures() -> None:
    shown = [cell(value).plain for value in (None, "", 1234567, True, ["email", "card"], [], 0)]
    assert shown == ["-", "-", "1,234,567", "yes", "email, card", "-", "0"]
    assert [size(count) for count in (0, 999, 1000, 1_100_000, 5 * 10**15)] == [
        *("0 B", "999 B", "1.0 kB", "1.1 MB", "5000.0 TB"),
    ]
    assert [counted(1, "row"), counted(5000, "row"), counted(2, "entry", "entries")] == [
        *("1 row", "5,000 rows", "2 entries"),
    ]
    assert (day("2026-02-03T10:20:30Z"), minute("2026-02-03T10:20:30Z"), day(None)) == (
        *("2026-02-03", "2026-02-03 10:20", None),
    )
