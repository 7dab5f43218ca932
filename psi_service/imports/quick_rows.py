"""CSV records with nothing wrong in them, read in a fraction of the time: what nearly every record is.

Whatever is in doubt here (another number of fields, a cell that cannot be read, a row without a value) is left to
rows.py, which says why. Both give the same Row, which a test holds them to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any

from psi_core.errors import InputError
from psi_core.kinds.canonical import resolved
from psi_core.kinds.row_fields import ACTOR, ATTRIBUTES, KIND, VALUE
from psi_service.actors.reference import clean_reference
from psi_service.imports.attributes import Attributes, check_order, read_attribute
from psi_service.imports.cells import MAX_CELLS
from psi_service.imports.columns import CsvLayout
from psi_service.imports.rows import Row

_REMEMBERED = 20_000
_reference = lru_cache(_REMEMBERED)(clean_reference)
# Dates, markings and labels come again and again.
_ATTRIBUTES = tuple(lru_cache(_REMEMBERED)(partial(read_attribute, field)) for field in ATTRIBUTES)


class QuickRows:
    """Reads the records of one CSV file; `region` is the default for national phone numbers."""

    def __init__(self, layout: CsvLayout, region: str | None) -> None:
        self._width = layout.width if len(layout.columns) <= MAX_CELLS else -1
        self._region = region
        places = {target: index for index, _, target in layout.columns}
        self._actor = places[ACTOR]
        self._kind, self._value = places.get(KIND), places.get(VALUE)
        self._wide = [
            (index, target)
            for index, _, target in layout.columns
            if target not in {ACTOR, KIND, VALUE, *ATTRIBUTES}
        ]
        named = [(place, places[field]) for place, field in enumerate(ATTRIBUTES) if field in places]
        self._named = tuple((place, _ATTRIBUTES[place]) for place, _ in named)
        self._cells = _getter([index for _, index in named])

    def read(self, fields: list[str]) -> Row | None:
        """The row, or None when `read_row` must look at it. The text must hold nothing unreadable."""
        if len(fields) != self._width:
            return None
        try:
            actor = _reference(fields[self._actor])
            attributes = self._attributes(self._cells(fields))
            if self._kind is not None and self._value is not None:
                kind = fields[self._kind].strip().lower()
                values = [resolved(kind, fields[self._value], region=self._region)]
            else:
                values = [
                    resolved(kind, text, region=self._region)
                    for index, kind in self._wide
                    if (text := fields[index]) and not text.isspace()
                ]
        except InputError:
            return None
        return Row(actor, values, attributes) if values else None

    def _attributes(self, texts: tuple[str, ...]) -> Attributes:
        read: list[Any] = [None] * len(ATTRIBUTES)
        for (place, reader), text in zip(self._named, texts, strict=True):
            read[place] = reader(text)
        attributes = Attributes._make(read)
        check_order(attributes)
        return attributes


def _getter(places: Sequence[int]) -> Callable[[list[str]], tuple[str, ...]]:
    """Picks cells; itemgetter gives no tuple for fewer than two."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda fields: tuple([fields[place] for place in places])
