"""Checkpoints that pass between two labs, each a witness of the other.

ours      signed, with a proof from the size that the peer cosigned last
theirs    verified, kept whole, logged, and cosigned when their proof starts at the size that we cosigned last
answer    the newest one that was cosigned: theirs go back to them, ours are verified and kept
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlite_utils
import structlog

from psi_client.wire_bounds import check_checkpoint
from psi_core.errors import Conflict, InvalidCheckpoint, InvalidSignature, InvalidText, VerificationError
from psi_core.identity.card import Card
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from psi_core.wire import session_pb2
from psi_service.log import cosigned, witnessed
from psi_service.sessions.books import Desk

KEPT = 64
"""Checkpoints of one log that are kept: the newest by size. All that came in sessions are in our log too, whole."""

_FORGET = """
    DELETE FROM peer_checkpoints WHERE lab = :lab AND origin = :origin AND size < (
        SELECT size FROM peer_checkpoints WHERE lab = :lab AND origin = :origin ORDER BY size DESC LIMIT 1 OFFSET :most)
"""

log = structlog.get_logger()


@dataclass(frozen=True)
class _Judged:
    """What became of a peer's checkpoint: what we have cosigned of its log by now, and why not this one."""

    latest: bytes
    size: int
    fault: VerificationError | Conflict | InvalidText | None


class Checkpoints:
    """Our checkpoints for peers, and theirs as we saw them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def own(self) -> bytes:
        """A signed checkpoint of the log as it stands."""
        return await self._desk.log.checkpoint()

    async def for_witness(self, lab: str) -> session_pb2.Checkpoint:
        """A signed checkpoint with the proof from the one that `lab` cosigned last."""
        note = await self.own()
        size = cosigned.size_of(note)
        old, proof = await self._desk.store.query(lambda db: cosigned.proof_for(db, lab, size))
        return session_pb2.Checkpoint(note=note, proof_from=old, consistency_proof=proof)

    async def keep(self, peer: Card, note: bytes) -> None:
        """Verify a peer's checkpoint and keep it whole.

        One smaller than the newest is kept too: sessions of both orders overlap, so it may be late. Raises
        InvalidNote, InvalidSignature, or InvalidCheckpoint when the peer signed two logs of the same size.
        """
        seen = _opened(note, peer)
        await self._desk.store.transaction(lambda db: self._keep(db, peer.lab, seen, note))

    async def witness(
        self, peer: Card, given: session_pb2.Checkpoint, *, log_it: bool
    ) -> session_pb2.Checkpoint:
        """Verify, keep and cosign a peer's checkpoint; returns the answer for it. `log_it` writes an entry of it.

        One without a proof that starts where we stand is kept and not cosigned; the answer says where that is.
        Raises ProtocolFault, NodeRefusing, and as `keep`; InvalidProof when the peer's log does not extend what
        we cosigned (its checkpoint is kept as evidence).
        """
        check_checkpoint(given)
        seen = _opened(given.note, peer)
        judged = await self._desk.store.transaction(
            lambda db: self._judge(db, peer.lab, seen, given, log_it=log_it)
        )
        if isinstance(judged.fault, VerificationError):
            raise judged.fault
        if judged.fault is not None:
            log.warning("checkpoint kept but not cosigned", peer=peer.lab, reason=str(judged.fault))
        return session_pb2.Checkpoint(note=given.note, cosigned=judged.latest, proof_from=judged.size)

    async def cosigned_by(self, peer: Card, answer: session_pb2.Checkpoint) -> None:
        """Verify a peer's answer: a checkpoint of ours with its cosignature. Keep it, and where the peer stands.

        Raises ProtocolFault, InvalidNote, InvalidSignature; InvalidCheckpoint when it is not of this log. One that
        our log does not extend makes the node refuse (NodeLog.check_peer_copies).
        """
        check_checkpoint(answer)
        if not answer.cosigned:
            await self._desk.store.transaction(lambda db: cosigned.remember_size(db, peer.lab, 0))
            return
        own = self._desk.log.verifier
        note = Note.parse(answer.cosigned)
        signed = note.verified_by(own, peer.cosigner_verifier)
        if signed != (own, peer.cosigner_verifier):
            raise InvalidSignature(
                f"{peer.lab} answered with a checkpoint that lacks our signature or its own"
            )
        size = Checkpoint.open(answer.cosigned, own).size
        if await self._desk.log.check_peer_copies([answer.cosigned], peer.lab) != 1:
            raise InvalidCheckpoint(f"{peer.lab} cosigned a log of this name that this log does not extend")
        known = {(each.name, each.key_id) for each in signed}
        ours = tuple(each for each in note.signatures if (each.name, each.key_id) in known)
        kept = Note(note.text, ours).render()

        def work(db: sqlite_utils.Database) -> None:
            cosigned.keep_cosigned(db, peer.lab, size, kept, self._desk.now())
            cosigned.remember_size(db, peer.lab, size)

        await self._desk.store.transaction(work)

    async def due(self, lab: str) -> bool:
        """Whether the log has grown since `lab` cosigned it."""
        size = await self._desk.store.query(lambda db: cosigned.cosigned_size(db, lab))
        return size < self._desk.log.size

    async def of_peer(self, lab: str, origin: str) -> list[bytes]:
        """The peer's own checkpoints that we keep, at most 64, newest last; `origin` is its present log."""
        sql = "SELECT note FROM peer_checkpoints WHERE lab = ? ORDER BY origin = ? DESC, size DESC LIMIT ?"
        rows = await self._desk.store.query(lambda db: db.execute(sql, (lab, origin, KEPT)).fetchall())
        return [note for (note,) in reversed(rows)]

    def _keep(self, db: sqlite_utils.Database, lab: str, seen: Checkpoint, note: bytes) -> bool:
        """Keep a verified checkpoint; returns whether it is new."""
        _check_no_fork(db, lab, seen)
        found = db.execute(
            "INSERT OR IGNORE INTO peer_checkpoints (lab, origin, size, note, received) VALUES (?, ?, ?, ?, ?)",
            (lab, seen.origin, seen.size, note, self._desk.now()),
        )
        new = bool(found.rowcount)
        db.execute(_FORGET, {"lab": lab, "origin": seen.origin, "most": KEPT - 1})
        return new

    def _judge(
        self,
        db: sqlite_utils.Database,
        lab: str,
        seen: Checkpoint,
        given: session_pb2.Checkpoint,
        *,
        log_it: bool,
    ) -> _Judged:
        self._desk.log.check()
        if self._keep(db, lab, seen, given.note) and log_it:
            self._desk.log_note(db, EntryKind.CHECKPOINT, given.note, lab)
        fault: VerificationError | Conflict | InvalidText | None = None
        try:
            proof = tuple(given.consistency_proof)
            witnessed.cosign(db, given.note, given.proof_from, proof, self._desk.cosigner, self._desk.clock())
        except (VerificationError, Conflict, InvalidText) as error:
            # Raised only after the commit: what the peer signed is evidence and stays.
            fault = error
        latest, note = witnessed.latest_cosigned(db, seen.origin)
        return _Judged(note, latest.size if latest else 0, fault)


def _opened(note: bytes, peer: Card) -> Checkpoint:
    """A peer's checkpoint, signed by the log key of its pinned card."""
    origin = Checkpoint.parse(Note.parse(note).text).origin
    if origin != peer.log_origin and origin.startswith(f"{peer.lab}/"):
        raise InvalidSignature(
            f"{peer.lab} shows a checkpoint of {origin}, and its pinned card names {peer.log_origin}: it has begun "
            "another log. Ask its people for the new card (psi peers add)"
        )
    return Checkpoint.open(note, peer.log_verifier)


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
