"""What dialling peers needs of the store, as it stands there."""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.errors import NotFound
from psi_core.identity.card import Card

_PINNED = "SELECT card FROM peers WHERE removed IS NULL ORDER BY lab"
_KEY_ID = "SELECT key_id FROM consortium_keys WHERE current = 1"


class PinnedCards:
    """Pinned cards as they stand in the store."""

    def __init__(self, db: Database) -> None:
        cards = (Card.read(bytes(note)) for (note,) in db.execute(_PINNED))
        self._cards = {card.lab: card for card in cards}

    def get(self, lab: str) -> Card:
        """The card of `lab`; raises NotFound."""
        if lab not in self._cards:
            raise NotFound(f"no peer {lab} is pinned; `psi peers list` names those that are")
        return self._cards[lab]

    def labs(self) -> tuple[str, ...]:
        """Every pinned lab, by name."""
        return tuple(self._cards)


def consortium_key_id(db: Database) -> str:
    """The current consortium key's id; empty in no consortium."""
    row = db.execute(_KEY_ID).fetchone()
    return str(row[0]) if row else ""
