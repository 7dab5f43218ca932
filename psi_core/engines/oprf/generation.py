"""What an epoch keeps from one session to the next, so that the next pays only for what changed.

    generation 1: a full run. Generation g + 1: an incremental run on generation g, which both sides hold.

Both sides compute the same hash of a generation from the same facts, and Offer and Accept name number and hash. Each
keeps the generation before until the record of the next is signed, and falls back to it (`common`).

Leaks, while the epoch lasts: an item queried once is matched against later additions too (a standing query), an item
queried later hears what was said of it before, and either side sees bucketed numbers of changes. SECURITY.md says so.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from psi_core import native_core
from psi_core.engines.oprf.heard import HeardSoFar
from psi_core.engines.oprf.kept_rows import ChosenRows, JoinedRows, damaged
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.said import Said
from psi_core.engines.oprf.segment import Facts, GenerationName, Segment
from psi_core.engines.oprf.tag_frames import tag_bytes


@dataclass(frozen=True)
class Generation:
    """One side's state after a run. Kept sealed as segments, checked by `name` when it is put together again.

    known: own items with their tags, and the sender's tags. outputs: by row of `known`.
    orphans: at the sender, tags of items erased since: they still have to leave the peer's list.
    said: at a sender that gives labels, digests of what it said, by row. heard: at its receiver, the sealed labels.
    """

    name: GenerationName
    facts: Facts = field(repr=False)
    statement: KeyStatement = field(repr=False)
    known: native_core.native.OprfKnown = field(repr=False)
    outputs: JoinedRows = field(repr=False)
    orphans: bytes = field(default=b"", repr=False)
    said: Said | None = field(default=None, repr=False)
    heard: HeardSoFar | None = field(default=None, repr=False)

    @property
    def label_size(self) -> int:
        """Bytes of each label that the sender gives; 0: it gives none."""
        kept = self.said or self.heard
        return kept.size if kept else 0

    @classmethod
    def based_on(cls, statement: KeyStatement, base: Segment) -> Generation:
        """The state that one whole segment holds; raises EngineFault when no run made it."""
        try:
            known = native_core.native.OprfKnown(base.items, base.own_tags, base.coming, width_of(statement))
        except ValueError as fault:
            raise damaged(fault) from None
        return cls(
            base.facts.name(statement, base.coming),
            base.facts,
            statement,
            known,
            JoinedRows([base.outputs]),
            base.orphans,
            base.said and base.said.checked(base.outputs.count),
            None if base.heard is None else HeardSoFar.first(base.heard, width_of(statement)),
        )

    def after(self, segment: Segment) -> Generation:
        """The state after one more run; raises EngineFault when the segment does not follow on this generation."""
        if segment.facts.before != self.name or (segment.said is None, segment.heard is None) != (
            self.said is None,
            self.heard is None,
        ):
            raise damaged("a segment of another generation")
        try:
            known = self.known.after(
                segment.items, segment.own_tags, segment.gone, segment.leaving, segment.coming
            )
        except ValueError as fault:
            raise damaged(fault) from None
        return Generation(
            segment.facts.name(self.statement, known.list),
            segment.facts,
            self.statement,
            known,
            JoinedRows([*self.outputs.parts, segment.outputs]),
            self._orphans_after(segment),
            self.said and self.said.after(segment.said, segment.outputs.count, known),
            None if self.heard is None else self.heard.after(segment.heard),
        )

    def _orphans_after(self, segment: Segment) -> bytes:
        """Orphans that the run took off the list are none any more."""
        if not self.orphans:
            return segment.orphans
        width = width_of(self.statement)
        left = set(native_core.cut(segment.leaving, width))
        stay = (tag for tag in native_core.cut(self.orphans, width) if tag not in left)
        return b"".join(stay) + segment.orphans

    def whole(self) -> Segment:
        """All of it as one segment, which stands for the chain that led here."""
        rows = self.known.counting()
        return Segment(
            self.facts,
            self.known.items(rows),
            self.known.tags(rows),
            ChosenRows(self.outputs, array("I", native_core.positions(rows))),
            coming=self.known.list,
            orphans=self.orphans,
            said=self.said and self.said.chosen(rows),
            heard=None if self.heard is None else self.heard.whole(self.known.list),
        )


def common(own: Sequence[GenerationName], shown: Sequence[GenerationName]) -> GenerationName | None:
    """The newest generation that both sides hold; None: there is none, and the run is full (which is said aloud)."""
    both = [name for name in own if name in set(shown)]
    return max(both, key=lambda name: name.number, default=None)


def delta_size(changes: int, bucket: int) -> int:
    """A number of changes, rounded up to the agreement's delta bucket; the snapshot's dummies fill it.

    Zero changes are one bucket too: whether anything changed is not told.
    """
    return max(1, -(-changes // bucket)) * bucket


def width_of(statement: KeyStatement) -> int:
    """Bytes of one tag in memory."""
    return tag_bytes(statement.tag_bits)
