"""The refused rows of an import as a CSV file: each as it stood in the file, then where and why it was refused.

It can be mended and imported like the file it came from: columns that mean nothing are passed over.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from psi_client.cli.own_file import FileFormat, Record, records

REASONS = ("refused_line", "refused_column", "refused_kind", "refused_reason")
JSON_COLUMN = "row"


def refused_rows(file: Path, file_format: FileFormat, refusals: Sequence[Mapping[str, Any]]) -> bytes:
    """The report's refused rows, a header first; a row with several faults is there once. Raises InputError."""
    by_line: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for refusal in refusals:
        by_line[refusal["line"]].append(refusal)
    found = io.StringIO()
    # Line feeds alone, as the rows themselves may be cut into lines by other tools.
    writer = csv.writer(found, lineterminator="\n")
    for row in _rows(records(file, file_format), file_format, by_line):
        writer.writerow(row)
    return found.getvalue().encode("utf-8", "surrogateescape")


def _rows(
    found: Iterator[Record], file_format: FileFormat, by_line: Mapping[int, Sequence[Mapping[str, Any]]]
) -> Iterator[list[object]]:
    header = [JSON_COLUMN]
    if file_format is FileFormat.CSV:
        first = next(found, None)
        header = first.fields if first is not None and first.fields is not None else header
    yield [*header, *REASONS]
    for record in found:
        if record.line in by_line:
            faults = by_line[record.line]
            yield [*_as_wide(record, len(header)), record.line, *_reasons(faults)]


def _as_wide(record: Record, width: int) -> list[str]:
    """The row in as many cells as the header has; what cannot be told apart goes into the first or last one."""
    fields = [record.raw.rstrip("\r\n")] if record.fields is None else record.fields
    if len(fields) > width:
        fields = [*fields[: width - 1], ",".join(fields[width - 1 :])]
    return [*fields, *[""] * (width - len(fields))]


def _reasons(faults: Sequence[Mapping[str, Any]]) -> list[str]:
    return ["; ".join(str(fault[name]) for fault in faults) for name in ("column", "kind", "reason")]
