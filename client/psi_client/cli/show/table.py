"""Tables and lines as every command writes them: no frames, three blanks between columns, text read as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from psi_client.cli.plain import plain

NOTHING = "-"
GAP = 3

_STYLES: Mapping[str, str] = {
    "strong": "bold red",
    "medium": "yellow",
    "confirmed": "red",
    "false positive": "dim",
    "in_force": "green",
    "waiting": "yellow",
    "complete": "green",
    "refused": "red",
    "fault": "red",
    "aborted": "red",
    "proven": "green",
    "broken": "bold red",
    "not provable": "yellow",
}
"""Colours of words that stand alone in a cell; they say nothing that the word does not."""


def cell(value: object) -> Text:
    """A value as a cell: nothing as `-`, numbers grouped, lists with commas, whole sentences made plain."""
    if value is None or value == "":
        return Text(NOTHING, style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, (list, tuple)):
        return Text(", ".join(plain(each) for each in value) or NOTHING)
    return Text(plain(value), style=_STYLES.get(str(value), ""))


def print_table(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[object]], *, wrap: Sequence[str] = ()
) -> None:
    """Print rows under headings; columns named in `wrap` may break over lines, numbers stand at the right."""
    filled = [[cell(value) for value in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for index, heading in enumerate(headings):
        numbers = any(row[index].plain != NOTHING for row in filled)
        numbers = numbers and all(_is_number(row[index]) for row in filled)
        table.add_column(
            heading,
            no_wrap=heading not in wrap,
            overflow="fold",
            justify="right" if numbers else "left",
        )
    for row in filled:
        table.add_row(*row)
    if _needed(headings, filled, wrap) > console.width:
        # Nothing is cut off: on a narrow terminal every column may break.
        for column in table.columns:
            column.no_wrap = False
    console.print(table)


def print_pairs(console: Console, pairs: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        console.print(Text(f"{name:<{width}}   ", style="bold").append_text(cell(value)), soft_wrap=True)


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print one line as it is."""
    console.print(Text(plain(text, limit=4000), style=style), soft_wrap=True)


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 row`, `5,000 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(count: int) -> str:
    """Bytes in decimal units: `812 B`, `1.1 MB`."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def day(moment: object) -> str | None:
    """The date of an RFC 3339 moment."""
    return None if moment is None else str(moment).partition("T")[0]


def minute(moment: object) -> str | None:
    """Date and time of an RFC 3339 moment, to the minute."""
    return None if moment is None else str(moment)[:16].replace("T", " ")


def _needed(headings: Sequence[str], rows: Sequence[Sequence[Text]], wrap: Sequence[str]) -> int:
    """The least width at which no cell of a column that may not break is cut."""
    columns = zip(headings, *([cell.plain for cell in row] for row in rows), strict=True)
    longest = (
        max(len(word) for text in (heading, *texts) for word in (text.split() if heading in wrap else [text]))
        for heading, *texts in columns
    )
    return sum(longest) + GAP * (len(headings) - 1)


def _is_number(text: Text) -> bool:
    return text.plain == NOTHING or text.plain.replace(",", "").isdigit()
