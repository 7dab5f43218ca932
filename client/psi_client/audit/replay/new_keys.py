"""A peer that was pinned anew with another document key: a fresh node under the same name, whose books begin anew."""

from __future__ import annotations

from psi_client.audit.replay.case import Step
from psi_core.errors import InputError, VerificationError
from psi_core.identity.card import Card
from psi_core.log.entry import EntryKind


class NewKeys:
    """The document key of each peer, as the log's `card` entries give them."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def of(self, step: Step) -> str | None:
        """The lab whose keys this entry replaces; None for any other entry.

        Counters and the chain of records are of the keys that signed them, so they begin anew with new ones.
        """
        note = step.body.get("card")
        if step.kind is not EntryKind.CARD or not isinstance(note, str):
            return None
        try:
            card = Card.unverified(note.encode())
        except (InputError, VerificationError):
            return None
        before = self._keys.get(card.lab)
        self._keys[card.lab] = card.document_key
        return card.lab if before not in (None, card.document_key) else None
