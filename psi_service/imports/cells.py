"""From a raw row to its cells: which column, what it means, and its text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from psi_core.errors import InputError
from psi_core.kinds.row_fields import ATTRIBUTES, KIND
from psi_service.imports.columns import ColumnMap, CsvLayout, plain
from psi_service.imports.csv_rows import unreadable
from psi_service.imports.raw_row import RawRow

Layout = CsvLayout | ColumnMap
"""How to read a row: of a CSV file whose header has been read, or of JSON lines."""

Cell = tuple[str, str, str]
"""Column name as the file has it, what it means (a field or a kind), text."""

MAX_CELLS = 1000


def cells_of(raw: RawRow, layout: Layout) -> list[Cell]:
    """The cells in use of one row, at most 1,000. Raises InputError when the row as a whole cannot be read."""
    if raw.content is None:
        raise InputError(raw.fault)
    if isinstance(raw.content, bytes):
        cells = list(_json_cells(raw.content, layout))
    else:
        cells = _csv_cells(raw.content, layout)
    if len(cells) > MAX_CELLS:
        raise InputError(f"more than {MAX_CELLS} values in one row")
    return cells


def _csv_cells(fields: list[str], layout: Layout) -> list[Cell]:
    if not isinstance(layout, CsvLayout):
        raise InputError("a CSV record before its header")
    if len(fields) != layout.width:
        raise InputError(f"has {len(fields)} fields, the header {layout.width}")
    reason = unreadable("".join(fields))
    if reason is not None:
        raise InputError(reason)
    return [(name, target, fields[index]) for index, name, target in layout.columns]


def _json_cells(line: bytes, layout: Layout) -> Iterator[Cell]:
    for name, value in _object(line):
        target = layout.targets.get(plain(name)) if isinstance(layout, ColumnMap) else None
        if target is None or value is None:
            continue
        values = value if isinstance(value, list) else [value]
        if len(values) != 1 and (target in ATTRIBUTES or target == KIND):
            raise InputError(f"{target} has a list: only values of indicators may have several")
        for each in values:
            yield name, target, _text(target, each)


def _object(line: bytes) -> list[tuple[str, Any]]:
    """The members of the JSON object on one line, in order."""
    try:
        # Every object becomes the list of its members; anything else, or one inside a value, is told apart below.
        members = json.loads(line.decode(), object_pairs_hook=_Members, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise InputError("is not UTF-8") from None
    except (ValueError, RecursionError):
        raise InputError("not a JSON object on one line") from None
    if not isinstance(members, _Members):
        raise InputError("not a JSON object on one line")
    names = [plain(name) for name, _ in members]
    if len(names) != len(set(names)):
        raise InputError("names a field twice")
    return list(members)


class _Members(list[tuple[str, Any]]):
    """A JSON object's members: told apart from a JSON list by its type."""


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _text(target: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InputError(f"{target} is neither text nor a whole number")
    reason = unreadable(value)
    if reason is not None:
        raise InputError(f"{target} {reason}")
    return value
