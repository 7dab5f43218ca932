"""This node as a witness: the newest checkpoint that it cosigned of each log, and what it may cosign next.

Everything here runs inside the caller's transaction, so that what was checked is what is persisted, before any
answer leaves (c2sp.org/tlog-witness).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlite_utils import Database

from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signer
from psi_core.log.note import Note
from psi_core.log.witness import check_advance
from psi_service.clock import instant


def latest_cosigned(db: Database, origin: str) -> tuple[Checkpoint | None, bytes]:
    """The newest checkpoint of `origin` that this node cosigned and its note; None and empty before the first."""
    found = db.conn.execute("SELECT note FROM witnessed_logs WHERE origin = ?", (origin,)).fetchone()
    if found is None:
        return None, b""
    return Checkpoint.parse(Note.parse(bytes(found[0])).text), bytes(found[0])


def cosign(
    db: Database, note: bytes, old: int, proof: Sequence[bytes], cosigner: Signer, now: datetime
) -> bytes:
    """Check `note`, whose log signature the caller has verified, and persist it cosigned; returns it.

    Raises what `check_advance` raises; nothing is written then.
    """
    parsed = Note.parse(note)
    checkpoint = Checkpoint.parse(parsed.text)
    latest, _ = latest_cosigned(db, checkpoint.origin)
    check_advance(latest, old, checkpoint, proof)
    signature = cosigner.cosign(parsed.text, int(now.timestamp()))
    cosigned = parsed.with_signature(signature).render()
    db.conn.execute(
        "INSERT INTO witnessed_logs (origin, size, note, cosigned) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note, cosigned = excluded.cosigned",
        (checkpoint.origin, checkpoint.size, cosigned, instant(now)),
    )
    return cosigned
