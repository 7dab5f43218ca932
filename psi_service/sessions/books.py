"""What every book of the node writes with: the store, the log, the clock and the document key."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlite_utils

from psi_core.log.entry import EntryKind
from psi_core.log.key import Signer
from psi_core.session.opening import Offer
from psi_service.clock import Clock, instant
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store


@dataclass(frozen=True)
class Desk:
    """Where books are kept. `signer` is the lab's document key, `cosigner` cosigns peers' checkpoints.

    `data_key` seals what lies in the store, 32 bytes.
    """

    lab: str
    store: Store
    log: NodeLog
    signer: Signer
    cosigner: Signer
    clock: Clock
    data_key: bytes = field(repr=False)

    def now(self) -> str:
        """The time as the store and the log write it."""
        return instant(self.clock())

    def log_note(
        self, db: sqlite_utils.Database, kind: EntryKind, note: bytes, peer: str, **also: object
    ) -> None:
        """Log a signed note whole, in the current transaction."""
        self.log.append(db, kind, {"note": note.decode(), **also}, peer=peer)


def insert_session(
    db: sqlite_utils.Database, offer: Offer, note: bytes, *, peer: str, state: str, started: str
) -> None:
    """Write down a session as its Offer states it."""
    db.table("sessions").insert(
        {
            "session_id": offer.session_id,
            "agreement": bytes.fromhex(offer.agreement),
            "peer": peer,
            "initiator": offer.initiator,
            "responder": offer.responder,
            "state": state,
            "direction": offer.direction,
            "reveal": offer.reveal,
            "period": offer.period,
            "counter": offer.counter,
            "offer": note,
            "started": started,
        }
    )


def update_session(db: sqlite_utils.Database, session_id: str, **values: object) -> None:
    """Change named columns of one session."""
    columns = ", ".join(f"{name} = ?" for name in values)
    db.execute(
        f"UPDATE sessions SET {columns} WHERE session_id = ?",  # noqa: S608 - names are the caller's keywords
        (*values.values(), session_id),
    )


def session_known(db: sqlite_utils.Database, session_id: str) -> bool:
    """Whether this id was ever used with any peer."""
    return db.execute("SELECT 1 FROM sessions WHERE session_id = ?", (session_id,)).fetchone() is not None
