"""From a raw row to an actor, its values and their attributes, or to the reasons why not.

A row is kept whole or refused whole: half an actor would match less than its owner believes.
"""

from __future__ import annotations

from typing import NamedTuple

from psi_core.errors import InputError, InvalidIndicator
from psi_core.kinds.canonical import resolved
from psi_core.kinds.registry import IP, KINDS
from psi_core.kinds.row_fields import ACTOR, ATTRIBUTES, KIND, VALUE
from psi_service.actors.reference import clean_reference
from psi_service.imports.attributes import Attributes, check_order, read_attribute
from psi_service.imports.cells import Layout, cells_of
from psi_service.imports.raw_row import RawRow
from psi_service.imports.refusal import Refusal


class Row(NamedTuple):
    """A row that is understood: `values` are (exact kind, canonical form), at least one."""

    actor: str
    values: list[tuple[str, str]]
    attributes: Attributes


def read_row(raw: RawRow, layout: Layout, region: str | None) -> Row | list[Refusal]:
    """The row, or everything that is wrong with it. `region` is the default for national phone numbers."""
    try:
        cells = cells_of(raw, layout)
    except InputError as error:
        return [Refusal(raw.line, "", "", error.message)]
    reader = _RowReader(raw.line, region)
    for column, target, text in cells:
        reader.take(column, target, text)
    return reader.finish()


class _RowReader:
    """Takes the cells of one row and gathers what is wrong with them."""

    def __init__(self, line: int, region: str | None) -> None:
        self._line = line
        self._region = region
        self._actor = ""
        self._kind: str | None = None
        self._long: list[tuple[str, str]] = []
        self._values: list[tuple[str, str]] = []
        self._attributes: dict[str, str | int | None] = {}
        self._refusals: list[Refusal] = []

    def take(self, column: str, target: str, text: str) -> None:
        """Read one cell; an empty one of a wide file says nothing."""
        try:
            if target == ACTOR:
                self._actor = clean_reference(text)
            elif target in ATTRIBUTES:
                self._attributes[target] = read_attribute(target, text)
            elif target == KIND:
                self._kind = text.strip().lower()
            elif target == VALUE:
                self._long.append((column, text))
            elif text.strip():
                self._values.append(resolved(target, text, region=self._region))
        except InputError as error:
            self._refuse(column, error)

    def finish(self) -> Row | list[Refusal]:
        """The whole row, or the refusals."""
        # In the long form the kind may stand behind the value that it is of.
        for column, text in self._long:
            self._take_value(column, text)
        attributes = Attributes(**self._attributes)  # type: ignore[arg-type] # each reader returns its field's type
        try:
            check_order(attributes)
        except InputError as error:
            self._refuse("last_seen", error)
        if not self._refusals and not self._actor:
            self._refusals.append(Refusal(self._line, ACTOR, "", "the row names no actor"))
        if not self._refusals and not self._values:
            self._refusals.append(Refusal(self._line, "", "", "the row has no value of any kind"))
        return self._refusals or Row(self._actor, self._values, attributes)

    def _take_value(self, column: str, text: str) -> None:
        if self._kind is None:
            self._refusals.append(Refusal(self._line, KIND, "", "the row names no kind"))
            return
        try:
            self._values.append(resolved(self._kind, text, region=self._region))
        except InputError as error:
            self._refuse(column if self._kind in KINDS or self._kind == IP else KIND, error)

    def _refuse(self, column: str, error: InputError) -> None:
        if isinstance(error, InvalidIndicator):
            # An unknown kind is not repeated: in a file with shifted columns it is somebody's email.
            kind = error.kind if error.kind in KINDS or error.kind == IP else ""
            self._refusals.append(Refusal(self._line, column, kind, error.reason))
        else:
            self._refusals.append(Refusal(self._line, column, "", error.message))
