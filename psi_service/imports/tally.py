"""What one import has come to so far: counts, the first refusals, the different actors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from psi_service.imports.batch import BatchResult
from psi_service.imports.refusal import MAX_DETAILS, Refusal
from psi_service.imports.report import ImportProgress, ImportReport, RefusedRow


@dataclass
class Tally:
    """Counts of one import. Memory: eight bytes an actor and what Python adds to them, 1,000 refusals."""

    import_id: int
    file: str
    strict: bool
    rows: int = 0
    kept: int = 0
    refused: int = 0
    indicators: int = 0
    derived: int = 0
    new_actors: int = 0
    _actors: set[int] = field(default_factory=set, repr=False)
    _refusals: list[Refusal] = field(default_factory=list, repr=False)
    _details: int = 0

    def add(self, result: BatchResult) -> None:
        """Count one batch."""
        self.rows += result.rows
        self.kept += result.kept
        self.refused += result.refused
        self.derived += result.derived
        self.indicators += result.indicators
        # The first 8 of 32 bytes: two of a million actors share them once in 37 million imports.
        self._actors.update(int.from_bytes(lookup[:8], "big") for lookup in result.actors)
        self._details += result.details
        self._refusals += result.refusals[: MAX_DETAILS - len(self._refusals)]

    @property
    def actors(self) -> int:
        """Different actors that kept rows name."""
        return len(self._actors)

    def progress(self) -> ImportProgress:
        """How far it is."""
        return ImportProgress(rows=self.rows, kept=self.kept, refused=self.refused)

    def drop(self) -> None:
        """Nothing that was read is kept; rows and refusals stay counted."""
        self.kept = self.indicators = self.derived = self.new_actors = 0
        self._actors.clear()

    def counts(self) -> dict[str, int]:
        """The counts that the table `imports` has columns for."""
        return {
            "rows": self.rows,
            "kept": self.kept,
            "refused": self.refused,
            "actors": self.actors,
            "indicators": self.indicators,
        }

    def report(self, state: Literal["done", "refused"], ignored: tuple[str, ...]) -> ImportReport:
        """The outcome, for the person who started it."""
        return ImportReport(
            import_id=self.import_id,
            file=self.file,
            state=state,
            derived=self.derived,
            new_actors=self.new_actors,
            ignored_columns=ignored,
            refusals=tuple(RefusedRow(file=self.file, **refusal._asdict()) for refusal in self._refusals),
            more_refusals=self._details > len(self._refusals),
            **self.counts(),
        )
