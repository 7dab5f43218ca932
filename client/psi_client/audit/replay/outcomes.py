"""What records say: that they follow from Offer and Accept, and that no result is larger than a set."""

from __future__ import annotations

from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Step
from psi_client.audit.texts import RECORD_KINDS
from psi_core.errors import ProtocolFault
from psi_core.session.closing import Record, record
from psi_core.session.opening import Accept, Offer, differences
from psi_core.session.results import check_claims


class Following:
    """A record is the one that Offer, Accept, transcripts and results give, and nothing else."""

    KINDS: ClassVar = RECORD_KINDS

    def __init__(self) -> None:
        self.faults = Faults()

    def take(self, step: Step) -> None:
        """Look at records with both signatures."""
        text, case = step.complete, step.case
        if text is None:
            return
        if case is None or case.offer is None or case.accept is None:
            words = f"the record in entry {step.position} has no Offer and Accept before it that are open"
            self.faults.add(words, step.position)
        elif text != _rebuilt(case.offer, case.accept, text, case.hashes):
            words = f"the record in entry {step.position} does not follow from its Offer and Accept"
            self.faults.add(words, step.position)

    def finish(self) -> None:
        """Nothing is left open."""


class Results:
    """Counts that both labs learned: equal, and none above the smaller set. Others are sealed in commitments."""

    KINDS: ClassVar = RECORD_KINDS

    def __init__(self) -> None:
        self.faults = Faults()
        self.counted = 0
        self.sealed = 0

    def take(self, step: Step) -> None:
        """Look at records with both signatures."""
        text = step.complete
        if text is None:
            return
        both = text.direction == "both"
        smallest = tuple(min(lane.sizes.initiator, lane.sizes.responder) for lane in text.lanes)
        try:
            for side in ("initiator", "responder"):
                claims = tuple(getattr(lane.results, side) or "" for lane in text.lanes)
                if text.direction in ("both", side):
                    check_claims(claims, smallest, both_learn=both)
        except ProtocolFault as fault:
            self.faults.add(f"the record in entry {step.position}: {fault}", step.position)
            return
        if (
            text.outcome == "ok"
            and both
            and any(lane.results.initiator != lane.results.responder for lane in text.lanes)
        ):
            words = f"the record in entry {step.position} calls two different counts a good outcome"
            self.faults.add(words, step.position)
        self.counted += both
        self.sealed += not both

    def finish(self) -> None:
        """Nothing is left open."""


def _rebuilt(offer: Offer, accept: Accept, text: Record, hashes: tuple[bytes, bytes]) -> Record | None:
    """The record from both texts with the results and transcripts that this one states; None when they clash."""
    if differences(offer, accept, offer_hash=hashes[0]) or len(text.lanes) != len(offer.lanes):
        return None
    security = tuple(lane.security for lane in text.lanes)
    claims, chunks = tuple(lane.results for lane in text.lanes), tuple(lane.chunks for lane in text.lanes)
    return record(offer, accept, security, claims, text.transcripts, chunks, hashes=hashes)
