"""The records of an ordered pair are a chain: each accepted offer names the last record with both signatures."""

from __future__ import annotations

import hmac
from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Step
from psi_client.audit.replay.new_keys import NewKeys
from psi_client.audit.texts import RECORD_KINDS
from psi_core.log.entry import EntryKind
from psi_core.session.counter import ZEROS


class Chain:
    """The hash of each ordered pair's last record."""

    KINDS: ClassVar = RECORD_KINDS | {EntryKind.CARD, EntryKind.OFFER, EntryKind.DECISION}

    def __init__(self) -> None:
        self.faults = Faults()
        self._last: dict[tuple[str, str], bytes] = {}
        self._new_keys = NewKeys()

    def take(self, step: Step) -> None:
        """Look at offers, acceptances and records."""
        renewed = self._new_keys.of(step)
        if renewed is not None:
            self._last = {pair: last for pair, last in self._last.items() if renewed not in pair}
        case = step.case
        if case is None or case.offer is None:
            return
        pair = (case.offer.initiator, case.offer.responder)
        if step.kind is EntryKind.OFFER:
            case.previous = self._last.get(pair, ZEROS)
        elif step.recovered:
            self._last[pair] = (
                step.opened.hash if step.complete and step.opened else self._last.get(pair, ZEROS)
            )
        elif step.accepted and not hmac.compare_digest(bytes.fromhex(case.offer.previous), case.previous):
            words = f"the offer in entry {case.offered_at} does not continue from the record before it"
            self.faults.add(words, case.offered_at)
        elif step.complete and step.opened:
            self._last[pair] = step.opened.hash

    def finish(self) -> None:
        """Nothing is left open."""
