"""Settle: mending what a crash or a cut connection left, from both sides.

caller holds                 callee holds                      outcome
record, one signature        final transcripts (it rebuilds)   callee countersigns; both complete
record, one signature        record, both signatures           caller completes
final transcripts            record, one signature             caller countersigns and hands it back
anything else unfinished     anything else unfinished          both log `aborted`, a pending result is dropped
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlite_utils

from psi_core.engines import questions
from psi_core.engines.interface import Engine
from psi_core.errors import Conflict, NotFound, ProtocolFault, TranscriptMismatch
from psi_core.identity.card import Card
from psi_core.log.note import Note
from psi_core.session.closing import Chunks, Claims, Hashes, Record, record
from psi_core.session.counter import proven_highest
from psi_core.session.opening import Abort, Accept, Offer, Refuse
from psi_core.session.results import check_claims
from psi_core.session.roles import first_signer
from psi_core.wire.peers_pb2 import SettleReply, SettleRequest
from psi_service.sessions.books import Desk
from psi_service.sessions.closing_books import ClosingBooks
from psi_service.sessions.refusal_books import RefusalBooks
from psi_service.sessions.surroundings import Dialled, Surroundings

UNFINISHED = ("offered", "open", "pending")


@dataclass(frozen=True)
class Held:
    """One session as the store holds it."""

    row: dict[str, Any] = field(repr=False)

    @property
    def state(self) -> str:
        """offered, refused, open, pending, complete, fault or aborted."""
        return str(self.row["state"])

    @property
    def finished(self) -> bool:
        """Whether nothing is left to settle."""
        return self.state not in UNFINISHED

    @property
    def offer(self) -> Offer:
        """The Offer, verified before it was stored."""
        return Offer.unverified(self.row["offer"])

    @property
    def record(self) -> bytes:
        """The record's note, with one signature while pending and both when complete; empty before."""
        return self.row["record"] or b""


class Settling:
    """Both ends of Settle."""

    def __init__(self, desk: Desk, around: Surroundings) -> None:
        self._desk = desk
        self._around = around
        self._refusals = RefusalBooks(desk)
        self._closing = ClosingBooks(desk)

    async def held(self, session_id: str, peer: str) -> Held:
        """What we hold of a session with `peer`; raises NotFound."""

        def work(db: sqlite_utils.Database) -> list[dict[str, Any]]:
            return list(
                db.query("SELECT * FROM sessions WHERE session_id = ? AND peer = ?", (session_id, peer))
            )

        rows = await self._desk.store.query(work)
        if not rows:
            raise NotFound(f"there is no session {session_id} with {peer}")
        return Held(rows[0])

    async def to_settle(self, peer: str) -> list[str]:
        """Sessions with `peer` to settle before the next Offer, oldest first.

        These are the unfinished ones, and per agreement the last one that we started: the peer may not know yet
        how it ended, and would refuse the next as `concurrent` or `previous`. Suspended ones are left alone.
        """
        now = self._desk.now()

        def work(db: sqlite_utils.Database) -> list[tuple[str]]:
            return db.execute(
                "SELECT session_id FROM sessions WHERE peer = ? AND (state IN ('offered', 'open', 'pending') OR"
                " (initiator, counter) IN (SELECT initiator, max(counter) FROM sessions WHERE peer = ?"
                " AND initiator = ? GROUP BY agreement)) AND session_id NOT IN (SELECT session_id FROM resumptions"
                " WHERE since IS NOT NULL AND until > ?) ORDER BY rowid",
                (peer, peer, self._desk.lab, now),
            ).fetchall()

        return [session_id for (session_id,) in await self._desk.store.query(work)]

    async def settle(self, session_id: str, peer: Card, connection: Dialled) -> str:
        """Caller: bring one session to its end with the peer; returns its state afterwards.

        Raises PeerError when the peer cannot be asked, VerificationError when what it shows does not verify.
        """
        held = await self.held(session_id, peer.lab)
        abort = held.row["abort"] or b""
        reply = await connection.settle(session_id, record=held.record, abort=abort)
        if held.finished:
            return held.state
        if reply.record:
            handed_back = await self._take_record(held, peer, reply.record)
            if handed_back:
                await connection.settle(session_id, record=handed_back)
        elif reply.refuse:
            await self._take_refuse(held, peer, reply.refuse)
        else:
            await self._give_up(held, peer, reply.abort)
        after = await self.held(session_id, peer.lab)
        if after.state == "aborted" and not reply.abort and not reply.unknown:
            await connection.settle(session_id, abort=after.row["abort"])
        return after.state

    async def answer(self, request: SettleRequest, peer: Card) -> SettleReply:
        """Callee: give what we hold, complete what can be completed, abort what cannot."""
        try:
            held = await self.held(request.session_id, peer.lab)
        except NotFound:
            return SettleReply(unknown=True)
        if not held.finished:
            await self._advance(held, peer, request)
            held = await self.held(request.session_id, peer.lab)
        if held.state == "refused":
            return SettleReply(refuse=held.row["refuse"])
        if held.state == "aborted":
            return SettleReply(abort=held.row["abort"])
        return SettleReply(record=held.record)

    async def _advance(self, held: Held, peer: Card, request: SettleRequest) -> None:
        if request.record:
            await self._take_record(held, peer, request.record)
        elif held.state == "pending" and not request.abort:
            return  # We show our record; the caller countersigns it or comes back with its Abort.
        else:
            await self._give_up(held, peer, request.abort)

    async def _take_record(self, held: Held, peer: Card, note: bytes) -> bytes:
        """Complete a session with the peer's record; returns the note with both signatures when we added ours."""
        theirs = Record.open(note, peer.document_verifier)
        note = Note.parse(note).only_by(peer.document_verifier).render()
        if theirs.session_id != held.offer.session_id:
            raise ProtocolFault("the record that the peer shows is of another session")
        if held.state == "pending":
            own = Record.unverified(held.record)
            if theirs != own:
                return await self._mismatch(held)
            both = _merged(held.record, note)
            Record.open(both, peer.document_verifier, self._desk.signer.verifier)
            # Both sides may settle at the same moment; the second finds it done. So below.
            with suppress(Conflict):
                await self._closing.countersigned(held.offer, own, both)
            return b""
        try:
            own = _rebuilt(held, theirs, self._around.engines, self._desk.lab)
        except Conflict as missing:
            await self._abort(held, missing.code, str(missing))
            return b""
        if own != theirs:
            return await self._mismatch(held)
        with suppress(Conflict):
            return await self._closing.sign_second(held.offer, own, note)
        return (await self.held(own.session_id, peer.lab)).record

    async def _mismatch(self, held: Held) -> bytes:
        words = "the peer's record differs from the one this node holds or builds"
        await self._abort(held, TranscriptMismatch.code, words)
        return b""

    async def _take_refuse(self, held: Held, peer: Card, note: bytes) -> None:
        refuse = Refuse.open(note, peer.document_verifier)
        if (refuse.offer, refuse.by) != (held.offer.hash().hex(), peer.lab):
            raise ProtocolFault("the Refuse that the peer shows is of another offer")
        proven = None
        if refuse.rule == "counter":
            proven = proven_highest(refuse, held.offer, self._desk.signer.verifier)
        try:
            await self._refusals.refused(held.offer, refuse, note, proven=proven)
        except Conflict:
            # Who has been served does not undo it by a Refuse: the session broke, and counts as such.
            await self._give_up(held, peer, b"")

    async def _give_up(self, held: Held, peer: Card, peer_note: bytes) -> None:
        if peer_note:
            abort = Abort.open(peer_note, peer.document_verifier)
            if (abort.offer, abort.by) != (held.offer.hash().hex(), peer.lab):
                raise ProtocolFault("the Abort that the peer shows is of another offer")
            peer_note = Note.parse(peer_note).only_by(peer.document_verifier).render()
        await self._abort(held, "settled", "the session broke and neither side can complete it", peer_note)

    async def _abort(self, held: Held, code: str, words: str, peer_note: bytes = b"") -> None:
        with suppress(Conflict):
            await self._closing.abort(held.offer, code, words, peer_note=peer_note)


def _merged(first: bytes, second: bytes) -> bytes:
    """One note with the signatures of both; the texts are the same."""
    note = Note.parse(first)
    for signature in Note.parse(second).signatures:
        if signature not in note.signatures:
            note = note.with_signature(signature)
    return note.render()


def _rebuilt(held: Held, theirs: Record, engines: Mapping[str, Engine], own_lab: str) -> Record:
    """The record from what we stored; the first signer's claims are its own word and are taken from its record.

    Raises Conflict when we do not hold enough to sign.
    """
    row, offer = held.row, held.offer
    side = "initiator" if own_lab == offer.initiator else "responder"
    learns = offer.direction in ("both", side)
    if first_signer(offer.direction) == side or not (
        row["accept"] and row["sent_transcript"] and row["received_transcript"]
    ):
        raise Conflict("this side broke off before it could sign the record")
    if learns and not row["own_results"]:
        raise Conflict("this side broke off before it had its result")
    accept = Accept.unverified(row["accept"])
    sent, received = row["sent_transcript"].hex(), row["received_transcript"].hex()
    own = json.loads(row["own_results"]) if learns else [None] * len(offer.lanes)
    first = [
        lane.results.initiator if side == "responder" else lane.results.responder for lane in theirs.lanes
    ]
    smallest = tuple(
        min(a.padded_size, b.padded_size) for a, b in zip(offer.lanes, accept.lanes, strict=True)
    )
    check_claims(tuple(value or "" for value in first), smallest, both_learn=offer.direction == "both")
    if side == "initiator":
        claims = tuple(
            Claims(initiator=mine, responder=other) for mine, other in zip(own, first, strict=True)
        )
        transcripts = Hashes(initiator=sent, responder=received)
    else:
        claims = tuple(
            Claims(initiator=other, responder=mine) for mine, other in zip(own, first, strict=True)
        )
        transcripts = Hashes(initiator=received, responder=sent)
    security = tuple(questions.engine(lane, engines).security for lane in accept.lanes)
    chunks = tuple(each and Chunks(**each) for each in json.loads(row["chunks"])) if row["chunks"] else None
    return record(offer, accept, security, claims, transcripts, chunks)
