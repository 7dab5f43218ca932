"""Every receiver announced itself before the session's record: its pre-record stands in the log before it."""

from __future__ import annotations

from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Step
from psi_client.audit.texts import RECORD_KINDS
from psi_core.log.entry import EntryKind
from psi_core.session.closing import PreRecord, pre_record


class Barrier:
    """Pre-records of both labs."""

    KINDS: ClassVar = RECORD_KINDS | {EntryKind.PRE_RECORD}

    def __init__(self) -> None:
        self.faults = Faults()

    def take(self, step: Step) -> None:
        """Look at pre-records and records."""
        case, text = step.case, step.opened.text if step.opened else None
        if case is None or case.offer is None or case.accept is None:
            return
        if isinstance(text, PreRecord):
            if text != pre_record(
                case.offer, case.accept, text.receiver, text.transcripts, hashes=case.hashes
            ):
                words = f"the pre-record in entry {step.position} does not follow from its Offer and Accept"
                self.faults.add(words, step.position)
            case.pre_records[text.receiver] = text
        elif step.complete:
            sides = {"initiator": case.offer.initiator, "responder": case.offer.responder}
            for side, lab in sides.items():
                if case.offer.direction in ("both", side) and lab not in case.pre_records:
                    words = f"no pre-record of {lab} stands before the record in entry {step.position}"
                    self.faults.add(words, step.position)

    def finish(self) -> None:
        """Nothing is left open."""
