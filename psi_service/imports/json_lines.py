"""JSONL read piece by piece: bytes in, whole lines out. The JSON itself is parsed in a worker."""

from __future__ import annotations

from psi_service.imports.columns import ColumnMap
from psi_service.imports.raw_row import RawRow

MAX_LINE = 128 * 1024
_BOM = b"\xef\xbb\xbf"


class JsonLines:
    """Feed it bytes; it hands back the lines that are complete, blank ones left out."""

    ignored: tuple[str, ...] = ()

    def __init__(self, columns: ColumnMap) -> None:
        self.layout = columns
        self._pending = b""
        self._lines = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[RawRow]:
        """The lines that `data` completes; one longer than 128 KiB comes back as a fault, without content."""
        if self._skipping:
            data = self._skip(data)
        *whole, self._pending = (self._pending + data).split(b"\n")
        rows = [row for line in whole if (row := self._row(line)) is not None]
        if len(self._pending) > MAX_LINE:
            row = self._row(self._pending)
            rows += [row] if row else []
            self._pending, self._skipping = b"", True
        return rows

    def finish(self) -> list[RawRow]:
        """The last line, when it has no line feed."""
        row = None if self._skipping else self._row(self._pending)
        return [row] if row else []

    def _skip(self, data: bytes) -> bytes:
        _, found, rest = data.partition(b"\n")
        self._skipping = not found
        return rest

    def _row(self, line: bytes) -> RawRow | None:
        self._lines += 1
        if len(line) > MAX_LINE:
            return RawRow(self._lines, None, f"the line is longer than {MAX_LINE} bytes")
        if self._lines == 1:
            line = line.removeprefix(_BOM)
        return RawRow(self._lines, line) if line.strip() else None
