"""Every set that a session used was committed to in the log before that session's Offer or Accept."""

from __future__ import annotations

from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Case, Step
from psi_core.log.entry import EntryKind
from psi_core.session.opening import Accept, Offer


class Commitments:
    """Snapshots of `own_lab`: the other lab's are in the other log."""

    KINDS: ClassVar = frozenset({EntryKind.DECISION})

    def __init__(self, own_lab: str) -> None:
        self.faults = Faults()
        self._own_lab = own_lab

    def take(self, step: Step) -> None:
        """Look at acceptances."""
        accept, case = step.accepted, step.case
        if accept is None or case is None or case.offer is None or step.recovered:
            return
        own: Offer | Accept = case.offer if case.offer.initiator == self._own_lab else accept
        before = case.offered_at if own is case.offer else step.position
        for lane in own.lanes:
            wanted = (lane.match_key, lane.padded_size, lane.snapshot)
            if not _committed(case, wanted, before):
                words = f"the set of {lane.match_key} was not committed to before entry {before} uses it"
                self.faults.add(words, before)

    def finish(self) -> None:
        """Nothing is left open."""


def _committed(case: Case, wanted: tuple[str, int, str], before: int) -> bool:
    return any(
        (each.match_key, each.padded_size, each.commitment) == wanted and each.position < before
        for each in case.snapshots
    )
