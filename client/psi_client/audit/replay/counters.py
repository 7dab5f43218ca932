"""Completeness of an ordered pair in one log: counters follow each other, or a `gap` entry accounts for the step.

responder   logs the offer, its Refuse `counter`, and `gap` (expected, got, hash of that Refuse)
initiator   logs that Refuse, which holds its own highest Offer, and `gap`; it goes on above what it proves
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Step
from psi_client.audit.replay.new_keys import NewKeys
from psi_core.errors import InputError, VerificationError
from psi_core.log.entry import EntryKind
from psi_core.session.counter import NO_OFFER
from psi_core.session.opening import Offer, Refuse

MAX_WAITING = 4096


@dataclass(frozen=True, slots=True)
class _Jump:
    position: int
    expected: int
    got: int


class Counters:
    """Counters of every ordered pair of the log of `own_lab`."""

    KINDS: ClassVar = frozenset({EntryKind.CARD, EntryKind.OFFER, EntryKind.DECISION, EntryKind.GAP})

    def __init__(self, own_lab: str) -> None:
        self.faults = Faults()
        self._own_lab = own_lab
        self._new_keys = NewKeys()
        self._highest: dict[tuple[str, str], int] = {}
        self._jumps: dict[str, _Jump] = {}
        self._pairs: dict[str, tuple[str, str]] = {}
        self._refuses: dict[str, tuple[str, int]] = {}

    def take(self, step: Step) -> None:
        """Look at offers, refusals because of the counter, and gaps."""
        renewed = self._new_keys.of(step)
        if renewed is not None:
            self._highest = {pair: most for pair, most in self._highest.items() if renewed not in pair}
        text = step.opened.text if step.opened else None
        if step.opened is None:
            if step.kind is EntryKind.GAP and not step.recovered:
                self._gap(step)
        elif step.kind is EntryKind.OFFER and isinstance(text, Offer):
            self._offer(text, step.opened.hash.hex(), step.position, recovered=step.recovered)
        elif isinstance(text, Refuse) and text.rule == "counter":
            self._forget_oldest()
            self._refuses[step.opened.hash.hex()] = (text.offer, _proven(text))

    def finish(self) -> None:
        """A jump that no gap accounts for hides an offer."""
        for jump in self._jumps.values():
            words = f"counter {jump.got} came where {jump.expected} was due, and no gap entry accounts for it"
            self.faults.add(f"entry {jump.position}: {words}", jump.position)

    def _offer(self, offer: Offer, name: str, position: int, *, recovered: bool) -> None:
        pair = (offer.initiator, offer.responder)
        highest = self._highest.get(pair, 0)
        if offer.counter != highest + 1 and not recovered:
            self._jumps[name] = _Jump(position, highest + 1, offer.counter)
        self._forget_oldest()
        self._pairs[name] = pair
        self._highest[pair] = max(highest, offer.counter)

    def _gap(self, step: Step) -> None:
        expected, refuse = step.body.get("expected"), step.body.get("refuse")
        offer, proven = self._refuses.pop(refuse, ("", -1)) if isinstance(refuse, str) else ("", -1)
        jump = self._jumps.get(offer)
        pair = self._pairs.get(offer)
        if jump is not None and (jump.expected, jump.got) == (expected, step.body.get("got")):
            del self._jumps[offer]
        elif pair is not None and pair[0] == self._own_lab and expected == proven + 1:
            self._highest[pair] = max(self._highest[pair], proven)
        else:
            words = f"the gap in entry {step.position} accounts for no step between two counters"
            self.faults.add(words, step.position)

    def _forget_oldest(self) -> None:
        # A Refuse follows its Offer, and a gap its Refuse, within few entries.
        if len(self._pairs) >= MAX_WAITING:
            del self._pairs[next(iter(self._pairs))]
        if len(self._refuses) >= MAX_WAITING:
            del self._refuses[next(iter(self._refuses))]


def _proven(refuse: Refuse) -> int:
    """The highest counter that the refused lab had signed, by its own Offer inside the Refuse; 0 for none."""
    if refuse.highest_offer in (None, NO_OFFER):
        return 0
    try:
        return Offer.unverified(str(refuse.highest_offer).encode()).counter
    except (InputError, VerificationError):
        return -1
