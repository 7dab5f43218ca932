"""Peers' logs, kept for these peers: who loses its log finds the end of it at the labs that it dealt with.

Kept are the leaf hashes of the whole log and, in plain, the entries of the own pair: what a peer may see anyway
(peer_view.py). They lead to a checkpoint that the peer's log key signed, or are not kept.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sqlite_utils import Database

from psi_client.wire_bounds import MAX_LEAVES
from psi_core.errors import InvalidProof, ProtocolFault
from psi_core.identity.card import Card
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.frontier import Frontier
from psi_core.log.tiles import TILE_WIDTH, decode_tile, tile_path
from psi_core.log.tree import HASH_LENGTH, leaf_hash
from psi_core.wire.peers_pb2 import LogEntry, OwnLogReply, OwnLogRequest, ReadLogReply
from psi_service.clock import Clock, instant
from psi_service.log.peer_view import fill
from psi_service.store.database import Store

MAX_KEPT = 1 << 20
"""Leaves of one log that are kept: 32 MiB."""
MAX_WEIGHT = 128 << 20
"""Bytes of entries of one log that are kept. Of later ones the hash remains."""

_KEPT = "SELECT size, frontier, weight FROM mirrored_logs WHERE origin = ? AND lab = ?"
_SEEN = "SELECT max(size) FROM peer_checkpoints WHERE lab = ? AND origin = ?"
_KEEP = """
INSERT INTO mirrored_logs (origin, lab, size, note, frontier, weight, updated) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note, frontier = excluded.frontier,
  weight = excluded.weight, updated = excluded.updated
"""
_ENTRIES = "SELECT position, data FROM mirrored_entries WHERE origin = ? AND position >= ? ORDER BY position"


class ShowsLog(Protocol):
    """An open connection to a peer, as far as this needs it."""

    async def read_log(self, *, file: str | None = None, entries_from: int | None = None) -> ReadLogReply:
        """A file of the peer's log, or entries of this pair."""
        ...


class _Kept(NamedTuple):
    size: int
    frontier: bytes
    weight: int


class Mirror:
    """Keeps copies of peers' logs, and gives them back."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def behind(self, card: Card) -> bool:
        """Whether a checkpoint of the peer's log has come that what is kept of it does not reach."""

        def work(db: Database) -> bool:
            (seen,) = db.conn.execute(_SEEN, (card.lab, card.log_origin)).fetchone()
            return _kept(db, card).size < min(seen or 0, MAX_KEPT)

        return await self._store.query(work)

    async def refresh(self, card: Card, peer: ShowsLog) -> int:
        """Fetch what is new of the peer's log; returns the size that is kept.

        Raises PeerError; InvalidSignature, InvalidCheckpoint or InvalidProof when what the peer shows is not the
        log that its key signed, or does not extend what is kept: nothing is changed then.
        """
        note = (await peer.read_log(file="checkpoint")).file
        head = Checkpoint.open(note, card.log_verifier)
        kept = await self._store.query(lambda db: _kept(db, card))
        if not kept.size < head.size <= MAX_KEPT:
            return kept.size
        first = kept.size // TILE_WIDTH * TILE_WIDTH
        leaves = await _leaves(peer, first, head.size)
        frontier = Frontier(kept.size, kept.frontier)
        # A million leaves take seconds: the event loop does not wait for them.
        await asyncio.to_thread(frontier.append, leaves[kept.size - first :])
        if not hmac.compare_digest(frontier.root(), head.root):
            raise InvalidProof(
                f"{card.lab} shows hash tiles that do not lead from its log as it was seen here to its checkpoint"
            )
        entries = await _entries(peer, kept.size, head.size, leaves[kept.size - first :])
        await self._store.transaction(
            lambda db: self._write(db, card, note, frontier, first, leaves, kept, entries)
        )
        return head.size

    async def read(self, lab: str, request: OwnLogRequest) -> OwnLogReply:
        """What is kept of the caller's log `request.origin`: an empty answer when nothing is."""
        return await self._store.query(lambda db: _answer(db, lab, request))

    def _write(
        self,
        db: Database,
        card: Card,
        note: bytes,
        frontier: Frontier,
        first: int,
        leaves: Sequence[bytes],
        kept: _Kept,
        entries: Sequence[LogEntry],
    ) -> None:
        if _kept(db, card) != kept:
            return  # A second round came first.
        origin, weight = card.log_origin, kept.weight
        for at in range(0, len(leaves), TILE_WIDTH):
            row = (origin, (first + at) // TILE_WIDTH, b"".join(leaves[at : at + TILE_WIDTH]))
            db.conn.execute("INSERT OR REPLACE INTO mirrored_tiles VALUES (?, ?, ?)", row)
        for each in entries:
            if weight + len(each.data) <= MAX_WEIGHT:
                weight += len(each.data)
                db.conn.execute(
                    "INSERT OR REPLACE INTO mirrored_entries VALUES (?, ?, ?)",
                    (origin, each.position, each.data),
                )
        now = instant(self._clock())
        db.conn.execute(_KEEP, (origin, card.lab, frontier.size, note, frontier.hashes, weight, now))


def forget(db: Database, lab: str) -> None:
    """Throw away what is kept for a lab: another node has taken its name."""
    origins = "SELECT origin FROM mirrored_logs WHERE lab = ?"
    for table in ("mirrored_tiles", "mirrored_entries"):
        db.conn.execute(f"DELETE FROM {table} WHERE origin IN ({origins})", (lab,))  # noqa: S608 -- names of the line above
    db.conn.execute("DELETE FROM mirrored_logs WHERE lab = ?", (lab,))


def _kept(db: Database, card: Card) -> _Kept:
    row = db.conn.execute(_KEPT, (card.log_origin, card.lab)).fetchone()
    return _Kept(*row) if row else _Kept(0, b"", 0)


async def _leaves(peer: ShowsLog, first: int, size: int) -> list[bytes]:
    """Leaf hashes from `first`, a multiple of 256, to `size`."""
    found: list[bytes] = []
    for start in range(first, size, TILE_WIDTH):
        width = min(TILE_WIDTH, size - start)
        reply = await peer.read_log(file=tile_path(0, start // TILE_WIDTH, width))
        found += decode_tile(reply.file, width)
    return found


async def _entries(peer: ShowsLog, start: int, size: int, leaves: Sequence[bytes]) -> list[LogEntry]:
    """Entries of the pair from `start` to `size`, each held against its leaf hash."""
    found: list[LogEntry] = []
    position, weight = start, 0
    while position < size:
        reply = await peer.read_log(entries_from=position)
        for each in reply.entries:
            if not position <= each.position < size:
                continue
            if not hmac.compare_digest(leaf_hash(each.data), leaves[each.position - start]):
                raise InvalidProof(f"entry {each.position} that a peer shows is not the one in its log")
            weight += len(each.data)
            found.append(each)
        if weight > MAX_WEIGHT:
            break
        if reply.next <= position:
            raise ProtocolFault("a peer's log does not go on where it says that it does")
        position = reply.next
    return found


def _answer(db: Database, lab: str, request: OwnLogRequest) -> OwnLogReply:
    row = db.conn.execute(
        "SELECT size, note FROM mirrored_logs WHERE origin = ? AND lab = ?", (request.origin, lab)
    ).fetchone()
    if row is None:
        return OwnLogReply()
    size, note = row
    if request.WhichOneof("part") == "entries_from":
        return _kept_entries(db, request.origin, request.entries_from, size, note)
    start = min(request.leaves_from, size)
    end = min(size, start + MAX_LEAVES)
    tiles = db.conn.execute(
        "SELECT hashes FROM mirrored_tiles WHERE origin = ? AND position BETWEEN ? AND ? ORDER BY position",
        (request.origin, start // TILE_WIDTH, max(end - 1, 0) // TILE_WIDTH),
    )
    whole = b"".join(hashes for (hashes,) in tiles)
    skipped = start % TILE_WIDTH
    leaves = whole[skipped * HASH_LENGTH : (skipped + end - start) * HASH_LENGTH]
    return OwnLogReply(checkpoint=note, leaves=leaves, next=end)


def _kept_entries(db: Database, origin: str, start: int, size: int, note: bytes) -> OwnLogReply:
    reply = OwnLogReply(checkpoint=note, next=size)
    fill(reply, db.conn.execute(_ENTRIES, (origin, min(start, size))))
    return reply
