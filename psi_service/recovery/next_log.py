"""Beginning the next log of this node, inside one transaction: the old one is put away, the new one names it."""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.identity.node_keys import NodeKeys
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer
from psi_core.log.succession import Continuation, successor_body
from psi_core.log.withheld import WITHHELD
from psi_service.identity.initialise import public_keys
from psi_service.log.cosigned import merged, size_of
from psi_service.log.node_log import NodeLog
from psi_service.log.start_rules import checkpoint_of
from psi_service.log.stored_tree import stored_size
from psi_service.log.succession import close, put_away

_FROM = "SELECT data FROM log_entries WHERE position >= ? ORDER BY position"
_COSIGNED = "SELECT note FROM cosigned_checkpoints WHERE size = ? ORDER BY witness"
_SIGNED = "SELECT note FROM own_checkpoints WHERE size <= ? ORDER BY size DESC LIMIT 1"


def close_log(db: Database, log: NodeLog, following: NodeKeys, now: str) -> None:
    """Log the successor's key as the last entry: from here on the log may not grow."""
    log.append(db, EntryKind.KEY, successor_body(following.log.verifier))
    close(db, log.verifier, following.log.verifier, now)


def begin_log(
    db: Database, log: NodeLog, following: NodeKeys, continuation: Continuation, card: bytes, now: str
) -> None:
    """Put the old log away and begin the next one: its first entry continues the old, its second is the new card."""
    size = size_of(continuation.checkpoint)
    put_away(db, continuation.key, following.log.verifier, continuation.checkpoint, size, now)
    log.continue_as(following.log)
    log.append(db, EntryKind.KEY, public_keys(following) | continuation.body())
    log.append(db, EntryKind.CARD, {"note": card.decode()})


def last_signed(db: Database, signer: Signer, shown: bytes) -> bytes:
    """The last checkpoint of the stored log that was signed: the one that was shown, or the newest own one.

    A log that never signed any gets one for what is there.
    """
    size = stored_size(db)
    row = db.conn.execute(_SIGNED, (size,)).fetchone()
    found = [note for note in (shown, bytes(row[0]) if row else b"") if note]
    if found:
        note = max(found, key=size_of)
        cosigned = db.conn.execute(_COSIGNED, (size_of(note),)).fetchall()
        return merged([note, *(bytes(each) for (each,) in cosigned)])
    return checkpoint_of(db, signer.name, size).signed(signer)


def uncovered(db: Database, size: int) -> list[Entry]:
    """Entries from position `size` on: they stand behind the last signed checkpoint, so nobody has seen them there."""
    rows = db.conn.execute(_FROM, (size,)).fetchall()
    return [Entry.decode(bytes(data)) for (data,) in rows if data != WITHHELD]


def log_again(db: Database, log: NodeLog, entries: list[Entry]) -> None:
    """Log what no checkpoint of the old log covers, marked as what it is."""
    for each in entries:
        log.append(db, each.kind, {**each.body, "recovered": True}, peer=each.peer)
