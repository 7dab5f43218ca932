"""What the columns of a file mean: a field of the row, or a kind of indicator.

    long form   actor,kind,value,...       one indicator a row
    wide form   actor,mail,phone_no,...    --map mail=email --map phone_no=phone: one row, several kinds

A mapping of a column to a field's name renames a column; one to a kind makes the file wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psi_core.errors import InputError, InvalidConfiguration
from psi_core.kinds.registry import IP, KINDS
from psi_core.kinds.row_fields import ACTOR, FIELDS, KIND, VALUE

_SEPARATORS = ";\t|"


@dataclass(frozen=True)
class ColumnMap:
    """Column names (as `plain` writes them) to what they mean: a field, a kind or `ip`."""

    targets: Mapping[str, str]
    wide: bool

    @classmethod
    def of(cls, mapping: Mapping[str, str], actor_column: str = ACTOR) -> ColumnMap:
        """Read `--map column=target` and the name of the actor's column.

        Raises InvalidConfiguration for an unknown target, or a field that two columns are mapped to.
        """
        named = {plain(column): target for column, target in mapping.items()}
        if ACTOR not in named.values():
            named[plain(actor_column)] = ACTOR
        for column, target in named.items():
            if target not in FIELDS and target not in KINDS and target != IP:
                raise InvalidConfiguration(
                    f"column {column!r} is mapped to {target!r}, which is neither a kind nor a field. "
                    f"Kinds: {', '.join(sorted(KINDS))}, {IP}. Fields: {', '.join(FIELDS)}"
                )
        fields = [target for target in named.values() if target in FIELDS]
        if len(fields) != len(set(fields)):
            raise InvalidConfiguration(
                "two columns are mapped to one field; only a kind may have several columns"
            )
        wide = len(fields) < len(named)
        if wide and (KIND in fields or VALUE in fields):
            raise InvalidConfiguration(
                "columns are mapped to kinds and to kind or value: a file has one form or the other"
            )
        # Fields that nothing was mapped to are found under their own name.
        own = (field for field in FIELDS if field not in fields and not (wide and field in {KIND, VALUE}))
        return cls({field: field for field in own} | named, wide)

    def target(self, column: str) -> str | None:
        """What a column means; None when it is of no interest."""
        return self.targets.get(plain(column))


@dataclass(frozen=True)
class CsvLayout:
    """A CSV file's header: (index, column name, target) of the columns in use, and the number of all."""

    columns: tuple[tuple[int, str, str], ...]
    width: int
    ignored: tuple[str, ...]
    """Names of columns that mean nothing here, to be shown: one may be a misspelt field."""

    @classmethod
    def of(cls, header: Sequence[str], columns: ColumnMap) -> CsvLayout:
        """Read a file's first record. Raises InputError without repeating it: it may be a row of values."""
        named = [(index, name.strip(), columns.target(name)) for index, name in enumerate(header)]
        used = tuple((index, name, target) for index, name, target in named if target is not None)
        names = [plain(name) for _, name, _ in used]
        if len(names) != len(set(names)):
            raise InputError("the first line names a column twice: each column has a name of its own")
        present = {target for _, _, target in used}
        missing = [
            field for field in (ACTOR, *(() if columns.wide else (KIND, VALUE))) if field not in present
        ]
        # A column that was mapped by hand must be there, or the wrong file was given.
        missing += [column for column in columns.targets if column not in names and column not in FIELDS]
        if missing:
            raise InputError(
                f"the first line must name the columns, and lacks {', '.join(missing)}. "
                f"{_separator_hint(header)}Long form: {','.join(FIELDS)}. Wide form: an actor column, and one "
                "or more columns that --map COLUMN=KIND names"
            )
        ignored = tuple(name for _, name, target in named if target is None)
        return cls(used, len(header), ignored)


def plain(column: str) -> str:
    """A column's name as it is compared: trimmed, case folded."""
    return column.strip().casefold()


def _separator_hint(header: Sequence[str]) -> str:
    if len(header) == 1 and any(separator in header[0] for separator in _SEPARATORS):
        return "Columns are separated by commas; this file seems to use another sign. "
    return ""
