"""Agreements that both labs signed and this one has forgotten, taken back from what a peer's log tells."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.identity.card import Card
from psi_core.log.entry import EntryKind
from psi_service.agreements import rows
from psi_service.log.node_log import NodeLog
from psi_service.sessions.told import Told


def adopt_agreements(db: Database, peer: Card, texts: Sequence[Told], log: NodeLog | None = None) -> int:
    """Write agreements and revocations of the pair down that are not known here; returns how many.

    Each is logged anew in `log`; without it the texts are the own log's. Signatures were verified before (told.py): of
    both labs under an agreement, of one under a revocation.
    """
    return sum(_adopt(log, db, peer.lab, each) for each in texts)


def _adopt(log: NodeLog | None, db: Database, lab: str, told: Told) -> bool:
    if isinstance(told.text, Agreement):
        return lab in told.text.labs and _agreement(log, db, lab, told, told.text)
    if isinstance(told.text, Revocation):
        return _revocation(log, db, lab, told, told.text)
    return False


def _agreement(log: NodeLog | None, db: Database, lab: str, told: Told, agreement: Agreement) -> bool:
    known = rows.find(db, agreement.hash())
    if known is not None and known.state in ("in_force", "revoked"):
        return False
    if known is None:
        rows.insert(db, agreement, lab, "in_force", told.note)
    else:
        rows.put_in_force(db, known, told.note)
    body = {"action": "in_force", "agreement": agreement.hash().hex(), "note": told.note.decode()}
    if log is not None:
        log.append(db, EntryKind.AGREEMENT, body | {"recovered": True}, peer=lab)
    return True


def _revocation(log: NodeLog | None, db: Database, lab: str, told: Told, revocation: Revocation) -> bool:
    known = rows.find(db, bytes.fromhex(revocation.agreement))
    if known is None or known.peer != lab or known.state == "revoked":
        return False
    rows.put_revoked(db, known, told.note)
    body = {"agreement": revocation.agreement, "note": told.note.decode(), "recovered": True}
    if log is not None:
        log.append(db, EntryKind.REVOCATION, body, peer=lab)
    return True
