"""What goes to a worker process and what comes back: rows in, fingerprints out. Values end in the worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from psi_core.kinds.canonical import derived
from psi_core.kinds.fingerprint import fingerprint
from psi_service.actors.reference import seal_reference
from psi_service.imports.attributes import Attributes
from psi_service.imports.cells import Layout
from psi_service.imports.raw_row import RawRow
from psi_service.imports.refusal import MAX_DETAILS, Refusal
from psi_service.imports.rows import Row, read_row


@dataclass(frozen=True)
class ImportKeys:
    """The consortium key that fingerprints are made under, and the data key that references are sealed under."""

    consortium_key: bytes = field(repr=False)
    data_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of one file. `region` is the default for national phone numbers."""

    rows: tuple[RawRow, ...] = field(repr=False)
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
    label: str | None
    expires_at: str | None


@dataclass
class BatchResult:
    """`actors` maps lookup to sealed reference. `refused` counts rows, `details` what is wrong with them;
    `refusals` has the first 1,000 of these."""

    rows: int
    kept: int = 0
    refused: int = 0
    derived: int = 0
    details: int = 0
    actors: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    indicators: list[IndicatorRow] = field(default_factory=list, repr=False)
    refusals: list[Refusal] = field(default_factory=list)


def read_batch(keys: ImportKeys, batch: Batch) -> BatchResult:
    """Read, normalise, fingerprint and seal a batch. Runs in a worker process; refused rows are told, not raised."""
    result = BatchResult(len(batch.rows))
    lookups: dict[str, bytes] = {}
    for raw in batch.rows:
        row = read_row(raw, batch.layout, batch.region)
        if isinstance(row, Row):
            _take(result, row, _lookup(result, lookups, keys, row.actor), keys.consortium_key)
        else:
            result.refused += 1
            result.details += len(row)
            result.refusals += row[: MAX_DETAILS - len(result.refusals)]
    return result


def _lookup(result: BatchResult, lookups: dict[str, bytes], keys: ImportKeys, reference: str) -> bytes:
    lookup = lookups.get(reference)
    if lookup is None:
        lookup, sealed = seal_reference(keys.data_key, reference)
        lookups[reference] = lookup
        result.actors[lookup] = sealed
    return lookup


def _take(result: BatchResult, row: Row, lookup: bytes, consortium_key: bytes) -> None:
    result.kept += 1
    for kind, value in row.values:
        result.indicators.append(_indicator(lookup, kind, value, 0, row.attributes, consortium_key))
        for derived_kind, derived_value in derived(kind, value):
            result.derived += 1
            result.indicators.append(
                _indicator(lookup, derived_kind, derived_value, 1, row.attributes, consortium_key)
            )


def _indicator(
    lookup: bytes, kind: str, value: str, is_derived: int, attributes: Attributes, consortium_key: bytes
) -> IndicatorRow:
    return IndicatorRow(lookup, kind, fingerprint(consortium_key, kind, value), is_derived, *attributes)
