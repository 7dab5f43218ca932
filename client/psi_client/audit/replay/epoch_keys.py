"""Engine `oprf`: one committed key for every query of an epoch, logged by its holder before the session.

An Offer or Accept shows the log entry that commits the sender's key, proven against the checkpoint of the same
text. Whoever shows two keys for one epoch answers the same question in two ways.
"""

from __future__ import annotations

from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Step
from psi_core import native_core
from psi_core.engines.oprf.evidence import FIELD, check_evidence
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.lane import check_statement
from psi_core.errors import PsiError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from psi_core.session.opening import Accept, Offer

MAX_EPOCHS = 1_000_000

_Epoch = tuple[str, str, str, str, int]


class EpochKeys:
    """Keys of both labs by lab, peer, agreement, match key and epoch. `unchecked` need the native core."""

    KINDS: ClassVar = frozenset({EntryKind.KEY, EntryKind.DECISION})

    def __init__(self) -> None:
        self.faults = Faults()
        self.shown = 0
        self.unchecked = 0
        self._known: dict[_Epoch, bytes] = {}

    def take(self, step: Step) -> None:
        """Look at key entries and acceptances."""
        if step.kind is EntryKind.KEY and isinstance(step.body.get(FIELD), str):
            self._logged(step.body[FIELD], step.position)
            return
        accept, case = step.accepted, step.case
        if accept is None or case is None or case.offer is None:
            return
        self._text(case.offer, case.offer.initiator, case.offer.responder, step.position)
        self._text(accept, case.offer.responder, case.offer.initiator, step.position)

    def finish(self) -> None:
        """Nothing is left open."""

    def _logged(self, text: str, position: int) -> None:
        try:
            self._remember(KeyStatement.from_text(text), position)
        except PsiError as error:
            self.faults.add(f"the key in entry {position}: {error}", position)

    def _text(self, text: Offer | Accept, sender: str, receiver: str, position: int) -> None:
        for lane in text.lanes:
            if lane.key is None:
                continue
            self.shown += 1
            if not native_core.available():
                self.unchecked += 1
                continue
            agreement = bytes.fromhex(text.agreement)
            try:
                statement = check_evidence(lane.key, _checkpoint(text.checkpoint))
                check_statement(
                    statement, lab=sender, peer=receiver, agreement=agreement, match_key=lane.match_key
                )
                self._remember(statement, position)
            except PsiError as error:
                self.faults.add(f"the session that entry {position} accepts: {error}", position)

    def _remember(self, statement: KeyStatement, position: int) -> None:
        epoch = (
            statement.lab,
            statement.peer,
            statement.agreement,
            statement.match_key,
            statement.epoch,
        )
        if (
            len(self._known) < MAX_EPOCHS
            and self._known.setdefault(epoch, statement.hash()) != statement.hash()
        ):
            words = f"a second key of {statement.lab} for epoch {statement.epoch} of {statement.match_key}"
            self.faults.add(f"entry {position} shows {words}", position)


def _checkpoint(note: str) -> Checkpoint:
    return Checkpoint.parse(Note.parse(note.encode()).text)
