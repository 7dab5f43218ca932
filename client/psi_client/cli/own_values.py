"""Actor, kind and value from the lab's own file, for the node to say which of them matched.

The file is read as `psi import` was told to read it: long form (actor, kind, value), or wide form, where
columns are mapped to kinds. Rows of actors that matched nothing stay on this side.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from psi_client.cli.own_file import FileFormat, Record, records
from psi_core.kinds.row_fields import ACTOR, FIELDS, KIND, VALUE

Cells = list[tuple[str, str]]
"""What each cell in use means (a field or a kind), and its text."""


def own_rows(
    file: Path,
    file_format: FileFormat,
    mapping: Mapping[str, str],
    actor_column: str | None,
    actors: Collection[str],
) -> Iterator[dict[str, str]]:
    """`actor`, `kind` and `value` of every value in the file that belongs to one of `actors`.

    What cannot be read is passed over: the import has reported it. Raises InputError for the file.
    """
    targets = _targets(mapping, actor_column)
    for cells in _cells(records(file, file_format), file_format, targets):
        actor = next((text.strip() for target, text in cells if target == ACTOR), "")
        if actor in actors:
            yield from ({ACTOR: actor, KIND: kind, VALUE: value} for kind, value in _values(cells))


def _values(cells: Cells) -> Iterator[tuple[str, str]]:
    kind = next((text.strip().lower() for target, text in cells if target == KIND), "")
    for target, text in cells:
        if target == VALUE and kind:
            yield kind, text
        elif target not in FIELDS and text.strip():
            yield target, text


def _targets(mapping: Mapping[str, str], actor_column: str | None) -> dict[str, str]:
    named = {column.strip().casefold(): target for column, target in mapping.items()}
    if ACTOR not in named.values():
        named[(actor_column or ACTOR).strip().casefold()] = ACTOR
    wide = any(target not in FIELDS for target in named.values())
    own = () if wide else (KIND, VALUE)
    return {field: field for field in own if field not in named.values()} | named


def _cells(found: Iterator[Record], file_format: FileFormat, targets: Mapping[str, str]) -> Iterator[Cells]:
    if file_format is FileFormat.JSONL:
        yield from (_json_cells(record.raw, targets) for record in found)
        return
    first = next(found, None)
    if first is None or first.fields is None:
        return
    header = [targets.get(name.strip().casefold()) for name in first.fields]
    for record in found:
        if record.fields is not None and len(record.fields) == len(header):
            pairs = zip(header, record.fields, strict=True)
            yield [(target, text) for target, text in pairs if target is not None]


def _json_cells(line: str, targets: Mapping[str, str]) -> Cells:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return []
    cells: Cells = []
    for name, value in row.items() if isinstance(row, dict) else ():
        target = targets.get(str(name).strip().casefold())
        if target is not None:
            several = value if isinstance(value, list) else [value]
            cells += [(target, str(each)) for each in several if isinstance(each, (str, int))]
    return cells
