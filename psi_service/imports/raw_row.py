"""A row as a file has it, before anything is understood: what the parent process hands to a worker."""

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
