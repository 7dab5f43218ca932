"""This node's log towards its witnesses: where the next proof for each starts, and the cosignatures that came back."""

from __future__ import annotations

from sqlite_utils import Database

from psi_core.log.checkpoint import Checkpoint
from psi_core.log.note import Note
from psi_core.log.tree import consistency_proof
from psi_service.log.node_log import NodeLog
from psi_service.log.stored_tree import node_reader
from psi_service.store.database import Store


def proof_for(db: Database, witness: str, size: int) -> tuple[int, list[bytes]]:
    """From which size the next proof for `witness` starts (0: it has cosigned nothing), and the proof to `size`.

    A witness that has cosigned more than `size` gets a proof from `size`, and will answer with what it has.
    """
    found = db.conn.execute("SELECT size FROM log_witnesses WHERE witness = ?", (witness,)).fetchone()
    old = min(int(found[0]) if found else 0, size)
    return old, consistency_proof(old, size, node_reader(db))


def cosigned_size(db: Database, witness: str) -> int:
    """The largest own checkpoint that came back from `witness`; -1 when none has."""
    row = db.conn.execute(
        "SELECT max(size) FROM cosigned_checkpoints WHERE witness = ?", (witness,)
    ).fetchone()
    return -1 if row[0] is None else int(row[0])


def remember_size(db: Database, witness: str, size: int) -> None:
    """Note what `witness` says that it cosigned last."""
    db.conn.execute(
        "INSERT INTO log_witnesses (witness, size) VALUES (?, ?)"
        " ON CONFLICT (witness) DO UPDATE SET size = excluded.size",
        (witness, size),
    )


def keep_cosigned(db: Database, witness: str, size: int, note: bytes, now: str) -> None:
    """Keep an own checkpoint with the verified cosignature of `witness`, whole."""
    db.conn.execute(
        "INSERT OR REPLACE INTO cosigned_checkpoints (witness, size, note, received) VALUES (?, ?, ?, ?)",
        (witness, size, note, now),
    )


def newest_cosigned(db: Database) -> bytes:
    """The largest own checkpoint that a witness cosigned, with the cosignatures of all that did; empty if none."""
    rows = db.conn.execute(
        "SELECT note FROM cosigned_checkpoints WHERE size = (SELECT max(size) FROM cosigned_checkpoints)"
        " ORDER BY witness"
    ).fetchall()
    return merged([bytes(note) for (note,) in rows]) if rows else b""


async def cosigned_checkpoint(store: Store, log: NodeLog) -> bytes:
    """A signed checkpoint of the log as it stands, with the cosignatures that there are of this very size.

    Raises NodeRefusing.
    """
    note = await log.checkpoint()
    sql, size = "SELECT note FROM cosigned_checkpoints WHERE size = ? ORDER BY witness", size_of(note)
    cosigned = await store.query(lambda db: db.conn.execute(sql, (size,)).fetchall())
    return merged([note, *(bytes(each) for (each,) in cosigned)])


def merged(notes: list[bytes]) -> bytes:
    """One note with the signatures of all; the texts are the same, and at most 16 signatures are kept."""
    first, *others = (Note.parse(note) for note in notes)
    for other in others:
        for signature in other.signatures:
            if signature not in first.signatures and len(first.signatures) < 16:
                first = first.with_signature(signature)
    return first.render()


def size_of(note: bytes) -> int:
    """The size in a checkpoint's note."""
    return Checkpoint.parse(Note.parse(note).text).size
