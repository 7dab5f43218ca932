"""No session id runs twice: an offer that repeats one is refused, and no session is accepted a second time."""

from __future__ import annotations

from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Step
from psi_core.log.entry import EntryKind
from psi_core.session.opening import Offer, Refuse


class Uniqueness:
    """Remembers every session id of the log, 16 bytes each."""

    KINDS: ClassVar = frozenset({EntryKind.OFFER, EntryKind.DECISION})

    def __init__(self) -> None:
        self.faults = Faults()
        self._offered: set[bytes] = set()
        self._accepted: set[bytes] = set()
        self._to_refuse: dict[str, list[int]] = {}

    def take(self, step: Step) -> None:
        """Look at offers, acceptances and refusals."""
        text = step.opened.text if step.opened else None
        if step.opened and step.kind is EntryKind.OFFER and isinstance(text, Offer):
            session = bytes.fromhex(text.session_id)
            if session in self._offered:
                self._to_refuse.setdefault(step.opened.hash.hex(), []).append(step.position)
            self._offered.add(session)
        elif isinstance(text, Refuse) and text.offer in self._to_refuse:
            self._to_refuse[text.offer].pop()
            if not self._to_refuse[text.offer]:
                del self._to_refuse[text.offer]
        elif accept := step.accepted:
            session = bytes.fromhex(accept.session_id)
            if session in self._accepted:
                self.faults.add(f"entry {step.position} accepts a session id a second time", step.position)
            self._accepted.add(session)

    def finish(self) -> None:
        """Whatever repeats an id and was never refused is a fault."""
        for positions in self._to_refuse.values():
            for position in positions:
                words = f"the offer in entry {position} repeats a session id, and no refusal answers it"
                self.faults.add(words, position)
