"""What the log says of agreements: each signed note whole, written in the transaction that keeps it."""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.errors import Conflict
from psi_core.log.entry import EntryKind
from psi_service.agreements import rows
from psi_service.agreements.rows import Row
from psi_service.log.node_log import NodeLog
from psi_service.sessions.resumptions import dropped_under
from psi_service.store.database import Store


def log_agreement(
    log: NodeLog, db: Database, action: str, agreement: Agreement, note: bytes, peer: str
) -> None:
    """Log a note that was signed here (proposed, accepted) or that puts an agreement in force (in_force)."""
    body = {"action": action, "agreement": agreement.hash().hex(), "note": note.decode()}
    log.append(db, EntryKind.AGREEMENT, body, peer=peer)


def log_and_revoke(
    store: Store, log: NodeLog, db: Database, row: Row, revocation: Revocation, note: bytes
) -> Row:
    """Log a revocation and end the agreement, and with it what is suspended under it. Raises Conflict when it has
    ended before.
    """
    if row.state == "revoked":
        raise Conflict("the agreement is revoked already")
    body = {"agreement": revocation.agreement, "note": note.decode()}
    log.append(db, EntryKind.REVOCATION, body, peer=row.peer)
    dropped_under(store, db, row.hash)
    return rows.put_revoked(db, row, note)
