"""Engine `oprf`: what stands in a record for the chunks of each lane, and the committed key they were answered under.

The chunks themselves are in bundles outside the log (bundles.py holds them against what is gathered here).
"""

from __future__ import annotations

from typing import ClassVar

from psi_client.audit.facts import Faults, RecordedLane
from psi_client.audit.replay.case import Step
from psi_client.audit.texts import RECORD_KINDS
from psi_core.engines.oprf.bundle import CommittedLane, evaluated
from psi_core.engines.oprf.chunks import chunk_count
from psi_core.engines.oprf.engine import Oprf
from psi_core.engines.oprf.evidence import unproven_statement
from psi_core.engines.oprf.key import MOST_EVALUATIONS
from psi_core.engines.oprf.lane import sender_side
from psi_core.errors import PsiError
from psi_core.session.closing import Record, RecordLane
from psi_core.session.opening import Accept, Offer

MAX_LANES = 1_000_000


class ProvenChunks:
    """Lanes of `oprf` in records with both signatures. A record that lacks their root is a fault."""

    KINDS: ClassVar = RECORD_KINDS

    def __init__(self) -> None:
        self.faults = Faults()
        self.lanes: list[RecordedLane] = []
        self.left_out = 0

    def take(self, step: Step) -> None:
        """Look at records."""
        record, case = step.complete, step.case
        if record is None or case is None or case.offer is None or case.accept is None:
            return
        for number, lane in enumerate(record.lanes):
            if lane.engine == Oprf.name:
                self._lane(step.position, record, number, lane, (case.offer, case.accept))

    def finish(self) -> None:
        """Nothing is left open."""

    def _lane(
        self, position: int, record: Record, number: int, lane: RecordLane, texts: tuple[Offer, Accept]
    ) -> None:
        sizes = {"initiator": lane.sizes.initiator, "responder": lane.sizes.responder}
        items = evaluated(record.direction, lane.parameters, **sizes)
        words = f"the record in entry {position}, lane {lane.match_key}"
        if (
            lane.chunks is None
            or not 0 < items <= MOST_EVALUATIONS
            or lane.chunks.count != chunk_count(items)
        ):
            self.faults.add(f"{words}, does not state the chunks of {items:,} answers", position)
            return
        shown = texts[sender_side(record.direction) == "responder"].lanes
        key = shown[number].key if number < len(shown) else None
        try:
            public = unproven_statement(key).public_key if key is not None else ""
        except PsiError:
            public = ""
        if not public:
            self.faults.add(f"{words}, follows from texts that show no key of the sender", position)
        elif len(self.lanes) >= MAX_LANES:
            self.left_out += 1
        else:
            committed = CommittedLane(
                session_id=record.session_id,
                lane=number,
                match_key=lane.match_key,
                ctx=bytes.fromhex(record.ctx),
                public=bytes.fromhex(public),
                items=items,
                root=bytes.fromhex(lane.chunks.root),
                count=lane.chunks.count,
            )
            self.lanes.append(RecordedLane(position, committed))
