"""Rows as a file has them, before anything is understood: what the parent process hands to a worker."""

from __future__ import annotations

from typing import NamedTuple


class RawRow(NamedTuple):
    """`line` is where the row begins, from 1. `content` is a CSV record's fields or a JSON line's bytes;
    None for a row that could not be read at all, whose `fault` says why."""

    line: int
    content: list[str] | bytes | None
    fault: str = ""

    @property
    def weight(self) -> int:
        """Roughly how many bytes it takes."""
        content = self.content or b""
        return len(content) if isinstance(content, bytes) else sum(map(len, content))


class CsvText(NamedTuple):
    """Whole CSV records, none malformed, as text of so many lines; `line` is where the first begins, from 1."""

    line: int
    lines: int
    text: str

    @property
    def weight(self) -> int:
        """Roughly how many bytes it takes."""
        return len(self.text)


Piece = RawRow | CsvText
"""One row, or many that a worker takes apart."""
