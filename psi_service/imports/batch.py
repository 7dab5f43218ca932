"""What goes to a worker process and what comes back: rows in, fingerprints out. Values end in the worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

from psi_core.kinds.canonical import derived
from psi_core.kinds.fingerprint import fingerprints
from psi_service.imports.cells import Layout
from psi_service.imports.columns import CsvLayout
from psi_service.imports.csv_rows import records_of, unreadable
from psi_service.imports.quick_rows import QuickRows
from psi_service.imports.raw_row import Piece, RawRow
from psi_service.imports.refusal import MAX_DETAILS, Refusal
from psi_service.imports.rows import Row, read_row
from psi_service.imports.sealed_references import SealedReferences
from psi_service.imports.sealed_words import SealedWords

_Gathered = tuple[bytes, str, int, tuple[Any, ...]]
"""One value: its actor's lookup, its canonical form, whether it is derived, its attributes as columns."""


@dataclass(frozen=True)
class ImportKeys:
    """The consortium key that fingerprints are made under, and the data key that references are sealed under."""

    consortium_key: bytes = field(repr=False)
    data_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of one file. `region` is the default for national phone numbers."""

    rows: tuple[Piece, ...] = field(repr=False)
    layout: Layout
    region: str | None


class IndicatorRow(NamedTuple):
    """One row of the table `indicators`, its actor still given by lookup."""

    lookup: bytes
    kind: str
    fingerprint: bytes
    derived: int
    first_seen: str | None
    last_seen: str | None
    confidence: int | None
    tlp: str | None
    severity: bytes | None
    campaign: bytes | None
    label: bytes | None
    expires_at: str | None


@dataclass(frozen=True)
class KindColumns:
    """Indicators of one kind, in the file's order, column by column: cheaper between processes than row by row.

    `columns` are those of IndicatorRow but for `kind`, all of one length.
    """

    kind: str
    columns: tuple[tuple[Any, ...], ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.columns[0])

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Plain tuples in the order of IndicatorRow's fields."""
        lookups, *others = self.columns
        return zip(lookups, repeat(self.kind), *others, strict=False)


@dataclass
class BatchResult:
    """`actors` maps lookup to sealed reference. `refused` counts rows, `details` what is wrong with them;
    `refusals` has the first 1,000 of these. `indicators` counts the values of kept rows, without derived ones."""

    rows: int = 0
    kept: int = 0
    refused: int = 0
    indicators: int = 0
    derived: int = 0
    details: int = 0
    actors: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    kinds: list[KindColumns] = field(default_factory=list, repr=False)
    refusals: list[Refusal] = field(default_factory=list)

    def indicator_rows(self) -> Iterator[tuple[Any, ...]]:
        """Every indicator as a plain tuple in the order of IndicatorRow's fields, kind after kind."""
        for each in self.kinds:
            yield from each.rows()


def read_batch(keys: ImportKeys, batch: Batch) -> BatchResult:
    """Read, normalise, fingerprint and seal a batch. Runs in a worker process; refused rows are told, not raised."""
    result = BatchResult()
    gathered: dict[str, list[_Gathered]] = {}
    references, words = SealedReferences.under(keys.data_key), SealedWords.under(keys.data_key)
    for row in _rows(batch):
        result.rows += 1
        if isinstance(row, Row):
            result.kept += 1
            lookup, sealed = references.of(row.actor)
            result.actors[lookup] = sealed
            _gather(gathered, row, lookup, words.columns(row.attributes, lookup))
            result.indicators += len(row.values)
        else:
            result.refused += 1
            result.details += len(row)
            result.refusals += row[: MAX_DETAILS - len(result.refusals)]
    result.kinds = [_columns(keys.consortium_key, kind, found) for kind, found in gathered.items()]
    result.derived = sum(map(len, result.kinds)) - result.indicators
    return result


def _rows(batch: Batch) -> Iterator[Row | list[Refusal]]:
    quick = QuickRows(batch.layout, batch.region) if isinstance(batch.layout, CsvLayout) else None
    for piece in batch.rows:
        if isinstance(piece, RawRow):
            yield read_row(piece, batch.layout, batch.region)
            continue
        trusted = quick if unreadable(piece.text) is None else None
        for line, fields in records_of(piece):
            row = trusted.read(fields) if trusted is not None else None
            yield row or read_row(RawRow(line, fields), batch.layout, batch.region)


def _gather(gathered: dict[str, list[_Gathered]], row: Row, lookup: bytes, said: tuple[Any, ...]) -> None:
    for kind, value in row.values:
        gathered.setdefault(kind, []).append((lookup, value, 0, said))
        for further, its_value in derived(kind, value):
            gathered.setdefault(further, []).append((lookup, its_value, 1, said))


def _columns(consortium_key: bytes, kind: str, found: list[_Gathered]) -> KindColumns:
    lookups, values, marks, said = zip(*found, strict=True)
    made = tuple(fingerprints(consortium_key, kind, values))
    return KindColumns(kind, (lookups, made, marks, *zip(*said, strict=True)))
