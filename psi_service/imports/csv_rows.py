"""CSV read piece by piece: bytes in, whole records out, however the pieces are cut.

The csv module does the parsing (RFC 4180, strict). A record whose quoted field goes on beyond the last whole
line in hand is kept back and parsed again with what follows; its size is bounded. Text without a fault is
handed on as text: a worker process takes it apart.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator

from psi_core.errors import InputError
from psi_service.imports.columns import ColumnMap, CsvLayout
from psi_service.imports.raw_row import CsvText, Piece, RawRow

MAX_RECORD = 256 * 1024
"""Longest record in characters; one field has at most csv.field_size_limit(), 131,072."""

_UNREADABLE = re.compile("[\x00\ud800-\udfff]")


class CsvRows:
    """Feed it bytes; it hands back the records that are complete, the header apart."""

    def __init__(self, columns: ColumnMap) -> None:
        self._columns = columns
        # Bytes that are no UTF-8 become half surrogates, which the row's reader refuses; the file goes on.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._pending = ""
        self._lines = 0
        self._skipping = False
        self._layout: CsvLayout | None = None

    @property
    def layout(self) -> CsvLayout:
        """What the header says. Raises InputError while there is none."""
        if self._layout is None:
            raise InputError("the file is empty: its first line must name the columns")
        return self._layout

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of columns that are not used."""
        return self.layout.ignored

    def feed(self, data: bytes) -> list[Piece]:
        """The records that `data` completes. Raises InputError when the header cannot be used."""
        text = self._decoder.decode(data)
        if self._skipping:
            text = self._skip(text)
        text = self._pending + text
        cut = _end_of_lines(text)
        rows, rest = self._parse(text[:cut], final=False)
        self._pending = rest + text[cut:]
        if len(self._pending) > MAX_RECORD:
            rows.append(RawRow(self._lines + 1, None, f"a record is longer than {MAX_RECORD} characters"))
            self._lines += _count_lines(self._pending)
            self._pending, self._skipping = "", True
        return rows

    def finish(self) -> list[Piece]:
        """The last records, at the end of the file."""
        text = self._pending + self._decoder.decode(b"", final=True)
        return [] if self._skipping else self._parse(text, final=True)[0]

    def _skip(self, text: str) -> str:
        """Drop the rest of the line on which an overlong record ended."""
        ends = [end for end in (text.find("\n"), text.find("\r")) if end >= 0]
        if not ends:
            return ""
        self._skipping = False
        self._lines += 1
        rest = text[min(ends) :]
        return rest[2:] if rest.startswith("\r\n") else rest[1:]

    def _parse(self, text: str, *, final: bool) -> tuple[list[Piece], str]:
        """The records of `text`, which ends with a whole line, and what belongs to one that goes on."""
        if self._layout is not None and (count := _sound_lines(text)) is not None:
            first, self._lines = self._lines + 1, self._lines + count
            return [CsvText(first, count, text)] if text else [], ""
        lines = _Lines(text)
        reader = csv.reader(lines, strict=True)
        rows: list[Piece] = []
        while True:
            lines.record.clear()
            try:
                fields = next(reader)
            except StopIteration:
                return rows, ""
            except csv.Error as error:
                if lines.exhausted and not final:
                    return rows, "".join(lines.record)
                reason = "a quoted field is never closed" if lines.exhausted else str(error)
                rows.append(RawRow(self._lines + 1, None, self._fault(reason, len(lines.record))))
            else:
                if fields and self._layout is None:
                    self._layout = CsvLayout.of(_readable(fields), self._columns)
                elif fields:
                    rows.append(RawRow(self._lines + 1, fields))
            self._lines += len(lines.record)

    def _fault(self, reason: str, lines: int) -> str:
        # One stray quote can swallow many rows, which would otherwise be missed without a word.
        last = f"; everything to line {self._lines + lines} was lost with it" if lines > 1 else ""
        return f"not well-formed CSV: {reason}{last}"


def records_of(piece: CsvText) -> Iterator[tuple[int, list[str]]]:
    """The line where each record begins, and its fields; empty lines are left out."""
    reader = csv.reader(io.StringIO(piece.text, newline=""), strict=True)
    line = piece.line
    for fields in reader:
        if fields:
            yield line, fields
        line = piece.line + reader.line_num


def _sound_lines(text: str) -> int | None:
    """How many lines `text` has, when it is whole records without a fault; None otherwise."""
    if '"' not in text and "\r" not in text and len(text) <= csv.field_size_limit():
        # Without quotes nothing can be wrong: every line is a record.
        return text.count("\n") + (text[-1:] not in {"", "\n"})
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        deque(reader, maxlen=0)
    except csv.Error:
        return None
    return reader.line_num


class _Lines:
    """Hands lines to csv.reader, and remembers those of the record that it is at."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.record: list[str] = []
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._lines.readline()
        if not line:
            self.exhausted = True
            raise StopIteration
        self.record.append(line)
        return line


def unreadable(text: str) -> str | None:
    """Why a decoded text cannot be used: bytes that are no UTF-8, or NUL. None when it can."""
    found = _UNREADABLE.search(text)
    if found is None:
        return None
    return "holds a NUL byte" if found[0] == "\x00" else "is not UTF-8"


def _readable(header: list[str]) -> list[str]:
    reason = unreadable("".join(header))
    if reason is not None:
        raise InputError(f"the first line {reason}: save the file as plain CSV in UTF-8 and import it again")
    return header


def _end_of_lines(text: str) -> int:
    """Where the last whole line ends. A final CR may be half of a CR LF, and is left for the next piece."""
    return max(text.rfind("\n"), text.rfind("\r", 0, max(len(text) - 1, 0))) + 1


def _count_lines(text: str) -> int:
    return sum(1 for line in io.StringIO(text, newline="") if line.endswith(("\n", "\r")))
