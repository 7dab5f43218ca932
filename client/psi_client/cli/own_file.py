"""The lab's own file, read again on this side: rows with their line numbers, as the node counted them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from psi_core.errors import InputError


class FileFormat(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSONL = "jsonl"

    @classmethod
    def of(cls, file: Path) -> FileFormat:
        """By the name's ending."""
        return cls.JSONL if file.suffix.lower() in (".jsonl", ".ndjson", ".json") else cls.CSV


class Record(NamedTuple):
    """`line` is where it begins, from 1; `fields` is None for JSON lines and for what is not well-formed CSV."""

    line: int
    fields: list[str] | None
    raw: str


def records(file: Path, file_format: FileFormat) -> Iterator[Record]:
    """Every record, a CSV file's header first, blank lines left out. Raises InputError when it cannot be read."""
    try:
        # Bytes that are no UTF-8 become half surrogates, and are written back as they were.
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            if file_format is FileFormat.CSV:
                yield from csv_records(lines)
            else:
                yield from json_lines(lines)
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror})") from None


def csv_records(lines: Iterable[str]) -> Iterator[Record]:
    """The records of a CSV file's lines, which keep their ends."""
    taken: list[str] = []

    def taking() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(taking(), strict=True)
    number = 1
    while True:
        taken.clear()
        fields: list[str] | None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = None
        if fields != []:
            yield Record(number, fields, "".join(taken))
        number += len(taken)


def json_lines(lines: Iterable[str]) -> Iterator[Record]:
    """The lines of a JSONL file. They may come in pieces: a lone CR ends a line for Python, not in JSON lines."""
    number = 0
    whole = ""
    for piece in lines:
        whole += piece
        if not whole.endswith("\n"):
            continue
        number += 1
        if whole.strip():
            yield Record(number, None, whole)
        whole = ""
    if whole.strip():
        yield Record(number + 1, None, whole)
