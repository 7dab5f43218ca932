"""The store as the doctor reads it: beside a running node, without its lock, and without writing a byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from psi_core.errors import NotFound, StoreError
from psi_core.identity.card import Card
from psi_service.store.database import DATABASE_FILE

_PINNED = "SELECT card FROM peers WHERE removed IS NULL ORDER BY lab"
_KEY_ID = "SELECT key_id FROM consortium_keys WHERE current = 1"


@contextmanager
def reading(data_dir: Path) -> Iterator[Database]:
    """One consistent view of the committed data. Raises StoreError when the file is missing or damaged."""
    path = data_dir / DATABASE_FILE
    if not path.is_file():
        raise StoreError(f"there is no {path}")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        yield Database(connection, execute_plugins=False)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    finally:
        connection.close()


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
