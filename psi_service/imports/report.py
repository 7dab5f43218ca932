"""What an import did, for the person who started it. Never a value, never a fingerprint."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class RefusedRow(BaseModel):
    """A refusal as it is shown; a row with several faults has several."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int
    column: str
    kind: str
    reason: str


class ImportProgress(BaseModel):
    """How far an import has come."""

    model_config = ConfigDict(frozen=True)

    rows: int
    kept: int
    refused: int


class ImportReport(BaseModel):
    """The outcome. `refused`: a strict import met a bad row and kept nothing.

    rows = kept + refused, in rows of the file; a refused strict import kept none. `indicators` counts the
    values of kept rows, `derived` what was computed from them; `actors` the different actors that kept rows
    name, `new_actors` those of them not known before.
    `refusals` holds the first 1,000 details; `more_refusals` says that there were more. `ignored_columns` were
    in the header and mean nothing here.
    """

    model_config = ConfigDict(frozen=True)

    import_id: int
    file: str
    state: Literal["done", "refused"]
    rows: int
    kept: int
    refused: int
    actors: int
    new_actors: int
    indicators: int
    derived: int
    ignored_columns: tuple[str, ...]
    refusals: tuple[RefusedRow, ...]
    more_refusals: bool
