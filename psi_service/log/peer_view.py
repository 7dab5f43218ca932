"""What a peer may read of this log: hashes of all of it, entries of its own pair, proofs for them; nothing else.

Hash tiles and proofs tell a peer how many entries there are and nothing of what they say: each has a random salt.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlite_utils import Database

from psi_core.errors import NotFound
from psi_core.log.tree import consistency_proof, inclusion_proof
from psi_core.wire.peers_pb2 import LogEntry, OwnLogReply, ReadLogReply, ReadLogRequest
from psi_service.log.cosigned import cosigned_checkpoint, size_of
from psi_service.log.node_log import NodeLog
from psi_service.log.stored_tree import node_reader, stored_size
from psi_service.log.tile_files import read_tile
from psi_service.store.database import Store

MAX_ENTRIES = 256
MAX_BYTES = 512 << 10


class PeerView:
    """Answers ReadLog."""

    def __init__(self, store: Store, log: NodeLog) -> None:
        self._store = store
        self._log = log

    async def read(self, lab: str, request: ReadLogRequest) -> ReadLogReply:
        """The part that `request` names, as far as `lab` may see it.

        Raises NotFound for what there is not, or is another pair's; NodeRefusing.
        """
        part = request.WhichOneof("part")
        if part == "file" and request.file == "checkpoint":
            return ReadLogReply(file=await cosigned_checkpoint(self._store, self._log))
        if part == "file":
            return ReadLogReply(file=await self._store.query(lambda db: _hash_tile(db, request.file)))
        if part == "consistency":
            old, new = request.consistency.old, request.consistency.new
            return ReadLogReply(proof=await self._store.query(lambda db: _consistency(db, old, new)))
        if part == "inclusion":
            note = await cosigned_checkpoint(self._store, self._log)
            size, position = size_of(note), request.inclusion
            proof = await self._store.query(lambda db: _inclusion(db, lab, position, size))
            return ReadLogReply(file=note, proof=proof)
        if part == "entries_from":
            return await self._store.query(lambda db: _entries(db, lab, request.entries_from))
        raise NotFound("the request names no part of the log")


def _hash_tile(db: Database, path: str) -> bytes:
    if path.startswith("tile/entries/"):
        raise NotFound("peers read the entries of their own pair, not bundles")
    return read_tile(db, path)


def _consistency(db: Database, old: int, new: int) -> list[bytes]:
    if not old <= new <= stored_size(db):
        raise NotFound("the log does not have these sizes")
    return consistency_proof(old, new, node_reader(db))


def _inclusion(db: Database, lab: str, position: int, size: int) -> list[bytes]:
    found = db.conn.execute(
        "SELECT 1 FROM log_entries WHERE position = ? AND peer = ?", (min(position, size), lab)
    ).fetchone()
    if found is None or position >= size:
        raise NotFound("there is no such entry of this pair")
    return inclusion_proof(position, size, node_reader(db))


def _entries(db: Database, lab: str, start: int) -> ReadLogReply:
    size = stored_size(db)
    reply = ReadLogReply(next=size)
    rows = db.conn.execute(
        "SELECT position, data FROM log_entries WHERE peer = ? AND position >= ? ORDER BY position",
        (lab, min(start, size)),
    )
    fill(reply, rows)
    return reply


def fill(reply: ReadLogReply | OwnLogReply, rows: Iterable[tuple[int, bytes]]) -> None:
    """Put entries (position and data, ascending) into a reply, as many as it may hold; `next` is the first left out."""
    weight = 0
    for position, data in rows:
        weight += len(data)
        if reply.entries and (len(reply.entries) == MAX_ENTRIES or weight > MAX_BYTES):
            reply.next = position
            break
        reply.entries.append(LogEntry(position=position, data=data))
