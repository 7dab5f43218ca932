"""Checkpoints that pass between two labs: ours signed, theirs verified and kept whole."""

from __future__ import annotations

import sqlite_utils

from psi_core.errors import InvalidCheckpoint
from psi_core.identity.card import Card
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from psi_service.sessions.books import Desk

KEPT = 64


class Checkpoints:
    """Our checkpoints for peers, and theirs as we saw them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def own(self) -> bytes:
        """A signed checkpoint of the log as it stands."""
        return await self._desk.log.checkpoint()

    async def keep(self, peer: Card, note: bytes, *, log: bool) -> None:
        """Verify a peer's checkpoint and keep it whole; with `log`, write an entry that it reached us.

        One smaller than the newest is kept too: sessions of both orders overlap, so it may be late. Raises
        InvalidNote, InvalidSignature, or InvalidCheckpoint when the peer signed two logs of the same size.
        """
        seen = Checkpoint.open(note, peer.log_verifier)

        def work(db: sqlite_utils.Database) -> None:
            _check_no_fork(db, peer.lab, seen)
            found = db.execute(
                "INSERT OR IGNORE INTO peer_checkpoints (lab, origin, size, note, received) VALUES (?, ?, ?, ?, ?)",
                (peer.lab, seen.origin, seen.size, note, self._desk.now()),
            )
            if log and found.rowcount:
                self._desk.log_note(db, EntryKind.CHECKPOINT, note, peer.lab)

        await self._desk.store.transaction(work)

    async def of_peer(self, lab: str) -> list[bytes]:
        """The peer's own checkpoints that we keep, at most 64, newest last."""
        rows = await self._desk.store.query(
            lambda db: db.execute(
                "SELECT note FROM peer_checkpoints WHERE lab = ? ORDER BY size DESC LIMIT ?", (lab, KEPT)
            ).fetchall()
        )
        return [note for (note,) in reversed(rows)]


def _check_no_fork(db: sqlite_utils.Database, lab: str, seen: Checkpoint) -> None:
    kept = db.execute(
        "SELECT note FROM peer_checkpoints WHERE lab = ? AND origin = ? AND size = ?",
        (lab, seen.origin, seen.size),
    ).fetchone()
    if kept is not None and Checkpoint.parse(Note.parse(kept[0]).text).root != seen.root:
        raise InvalidCheckpoint(
            f"{lab} signed two different logs of {seen.size} entries. This is a fork: keep both as evidence "
            "and ask its operator"
        )
