"""Reading back from a peer's log what this lab signed and has forgotten.

The peer shows the entries of the pair as they stand in its own log (ReadLog). What this node does not know of, or
knows only the beginning of, and what bears its signature is adopted; see adopting.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from hashlib import sha256
from typing import Protocol

import sqlite_utils

from psi_core.engines.registry import known_engines
from psi_core.errors import InputError, ProtocolFault, VerificationError
from psi_core.identity.card import Card
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Verifier
from psi_core.log.withheld import WITHHELD
from psi_core.session.closing import Record
from psi_core.session.counter import NO_OFFER
from psi_core.session.opening import Offer, Refuse
from psi_core.wire.peers_pb2 import ReadLogReply
from psi_service.sessions.adopting import Adopted, Adopting
from psi_service.sessions.books import Desk, session_known
from psi_service.sessions.told import Told, told

BOTH = ("initiator", "responder")
"""Who signs a record."""
MAX_ENTRIES = 1_000_000
MAX_BYTES = 256 << 20
"""Of a peer's log that are looked at, and that are kept until they are written."""

_PAIR = """
SELECT data FROM log_entries WHERE peer = :peer
UNION ALL SELECT entry.data FROM past_log_entries AS entry JOIN past_logs USING (origin)
WHERE entry.peer = :peer AND entry.position < past_logs.size
"""
_KNOWN = "SELECT session_id FROM sessions WHERE peer = ? AND state NOT IN ('offered', 'open')"
_RELEASE = "DELETE FROM withheld_budgets WHERE agreement IN (SELECT hash FROM agreements WHERE peer = ?)"


class ShowsLog(Protocol):
    """An open connection to a peer, as far as this needs it."""

    async def read_log(self, *, entries_from: int) -> ReadLogReply:
        """Entries of the pair in the peer's log, from a position on."""
        ...


class CatchingUp:
    """Takes back forgotten sessions with one peer after the other."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._adopting = Adopting(desk, known_engines())

    async def catch_up(
        self, peer: Card, connection: ShowsLog, running: Callable[[str], bool] = lambda session_id: False
    ) -> Adopted:
        """Read the peer's log and adopt what was forgotten; budgets that a restore withheld towards it are released.

        `running`: whether a session runs here right now; of such a one nothing is forgotten.

        Raises PeerError when it cannot be asked; ProtocolFault, VerificationError or InputError for what it shows
        when that is not what it should be: nothing is written then. Raises NodeRefusing.
        """
        texts = [each for each in await self.read(peer, connection) if not running(each.session_id)]
        return await self._desk.store.transaction(lambda db: self.write(db, peer.lab, texts))

    async def read(self, peer: Card, connection: ShowsLog) -> list[Told]:
        """What the peer's log tells of sessions that are not over here. Raises as `catch_up`."""
        known = await self._desk.store.query(lambda db: {row[0] for row in db.execute(_KNOWN, (peer.lab,))})
        keys = self._keys(peer)
        found: list[Told] = []
        seen, weight, start = 0, 0, 0
        while True:
            reply = await connection.read_log(entries_from=start)
            seen += len(reply.entries)
            # A reply full of signatures takes tenths of a second: the event loop does not wait for it.
            kept, more = await asyncio.to_thread(_forgotten, reply, keys, peer, known)
            weight += more
            found += kept
            if seen > MAX_ENTRIES or weight > MAX_BYTES:
                raise ProtocolFault(f"{peer.lab} shows more entries of its log than can be looked at")
            if not reply.entries or reply.next <= start:
                return found
            start = reply.next

    def write(self, db: sqlite_utils.Database, lab: str, texts: Sequence[Told]) -> Adopted:
        """Adopt inside a transaction, and release what was withheld towards `lab`."""
        found = self._adopting.adopt(db, lab, texts, logged_texts(db, lab))
        db.execute(_RELEASE, (lab,))
        return found

    def own(self, db: sqlite_utils.Database, peer: Card, start: int) -> list[Told]:
        """What the own log, which was recovered, tells of `peer` from entry `start` on."""
        keys = self._keys(peer)
        rows = db.execute(
            "SELECT data FROM log_entries WHERE peer = ? AND position >= ? ORDER BY position",
            (peer.lab, start),
        )
        return [each for (data,) in rows.fetchall() for each in told(data, keys)]

    def signed_here(self, peer: Card, note: bytes) -> bool:
        """Whether a record has this lab's own signature and the peer's: only then is there something to catch up."""
        try:
            record = Record.open(note, peer.document_verifier, self._desk.signer.verifier)
        except (VerificationError, InputError):
            return False
        return {record.initiator, record.responder} == {self._desk.lab, peer.lab}

    async def proves_forgetting(self, note: bytes, peer: Card) -> bool:
        """Whether a peer's signed Refuse shows a text with this lab's own signature that this node does not know."""
        if not note:
            return False
        refuse = Refuse.open(note, peer.document_verifier)
        if refuse.rule == "previous" and refuse.last_record:
            record = refuse.last_record.encode()
            return self.signed_here(peer, record) and not await self._knows(
                Record.unverified(record).session_id
            )
        if refuse.rule == "counter" and refuse.highest_offer not in (None, NO_OFFER):
            # Its signature was checked when the Refuse came (proven_highest).
            return not await self._knows(Offer.unverified(str(refuse.highest_offer).encode()).session_id)
        return False

    async def _knows(self, session_id: str) -> bool:
        return await self._desk.store.query(lambda db: session_known(db, session_id))

    def _keys(self, peer: Card) -> Mapping[str, Verifier]:
        return {self._desk.lab: self._desk.signer.verifier, peer.lab: peer.document_verifier}


def logged_texts(db: sqlite_utils.Database, lab: str) -> set[bytes]:
    """Hashes of the signed texts with `lab` that the own log holds, or one that this node has put away."""
    found = set()
    for (data,) in db.execute(_PAIR, {"peer": lab}):
        if data != WITHHELD:
            found |= set(_hashes(Entry.decode(data)))
    return found


def _hashes(entry: Entry) -> Iterator[bytes]:
    for name in ("note", "peer_note"):
        note = entry.body.get(name)
        if isinstance(note, str) and entry.kind is not EntryKind.CHECKPOINT:
            text, _, signatures = note.rpartition("\n\n")
            if entry.kind is EntryKind.RECORD and signatures.count("\n") < len(BOTH):
                continue  # The first signer's half: the whole record is still to be logged.
            yield sha256(f"{text}\n".encode()).digest()


def _forgotten(
    reply: ReadLogReply, keys: Mapping[str, Verifier], peer: Card, known: Set[str]
) -> tuple[list[Told], int]:
    """What a part of the peer's log tells of sessions other than `known`, and the bytes of those entries."""
    found: list[Told] = []
    weight = 0
    for entry in reply.entries:
        kept = [each for each in _of_peer(entry.data, keys, peer) if each.session_id not in known]
        weight += len(entry.data) if kept else 0
        found += kept
    return found, weight


def _of_peer(data: bytes, keys: Mapping[str, Verifier], peer: Card) -> Iterator[Told]:
    try:
        yield from told(data, keys)
    except (InputError, VerificationError) as fault:
        raise VerificationError(
            f"{peer.lab} shows an entry of its log that does not hold: {fault}"
        ) from fault
