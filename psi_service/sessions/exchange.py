"""From Begin to the record: what both sides do alike, whoever dialled.

open lanes ──▶ barrier (pre-records) ──▶ completing frames ──▶ results ──▶ record ──▶ checkpoints
"""

from __future__ import annotations

import asyncio
import secrets
from array import array
from collections.abc import Sequence
from typing import cast

import structlog

from psi_core.engines import questions
from psi_core.engines.interface import Engine, Outcome
from psi_core.engines.oprf.kept_run import Recalls, RecallsOwn
from psi_core.errors import PeerError, ProtocolFault, SessionAborted, TranscriptMismatch, VerificationError
from psi_core.log.note import Note
from psi_core.session.closing import Chunks, Claims, Hashes, PreRecord, Record, pre_record, record
from psi_core.session.items import (
    LanePlaces,
    matched_count,
    matched_elements,
)
from psi_core.session.results import SALT_BYTES, check_claims, claim
from psi_core.wire.session_pb2 import Checkpoint, Result
from psi_service.bundles.keeping import NO_BUNDLES
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.closing_books import ClosingBooks
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.lane_runs import LaneRun, LaneRuns
from psi_service.sessions.machines import (
    build_machines,
    bundle_headers,
    fill_lanes,
    made_generations,
    private_canaries,
    proven_chunks,
)
from psi_service.sessions.open_resumption import OpenResumption
from psi_service.sessions.open_session import NOTHING_LEARNED, Learned, OpenSession
from psi_service.sessions.progress import Phase, Progress
from psi_service.sessions.surroundings import Surroundings

log = structlog.get_logger()


class Exchange:
    """One accepted session, run to its end over one conversation."""

    def __init__(
        self,
        session: OpenSession,
        conversation: Conversation,
        desk: Desk,
        around: Surroundings,
        progress: Progress,
    ) -> None:
        self._session = session
        self._conversation = conversation
        self._books = ClosingBooks(desk)
        self._checkpoints = Checkpoints(desk)
        self._engines = tuple(questions.engine(lane, around.engines) for lane in session.accept.lanes)
        self._worker = around.worker
        self._progress = progress
        self._keys = around.keys
        self._bundles = NO_BUNDLES
        self._kept: OpenResumption | None = None
        self._answered = 0
        self._machines: list[LaneRun] = []
        self._lanes: tuple[LanePlaces, ...] = ()
        self._chunks: tuple[Chunks | None, ...] = ()

    async def run(self, kept: OpenResumption | None = None, answered: int = 0) -> Record:
        """Run every lane, keep both books, and return the record that both labs signed.

        kept: of a session that goes on after a break, what it left; both sides go on behind its first `answered`
        chunks. Raises ProtocolFault, CanaryFault, TranscriptMismatch, EngineFault, WorkerDied, SessionAborted or
        PeerUnreachable; the caller logs the abort.
        """
        self._kept, self._answered = kept, answered
        try:
            return await self._run()
        finally:
            if self._kept is not None:
                self._kept.close()
            await asyncio.to_thread(self._bundles.close)

    async def _run(self) -> Record:
        self._progress.enter(Phase.OPENING)
        self._bundles = await self._keys.bundles.begin(
            bytes.fromhex(self._session.offer.agreement), bundle_headers(self._session)
        )
        canaries = await self._canaries()
        await asyncio.to_thread(self._prepare, canaries)
        lane_runs = LaneRuns(self._machines, self._conversation, self._progress)
        await asyncio.to_thread(self._recall, lane_runs)
        await lane_runs.open()
        await self._barrier(lane_runs)
        self._progress.enter(Phase.COMPLETING)
        await lane_runs.complete(None if self._session.signs_first else self._keep_sent)
        outcomes = await lane_runs.outcomes()
        learned = await asyncio.to_thread(self._learn, outcomes)
        self._progress.enter(Phase.COMPUTED)
        if self._session.signs_first:
            await self._keep_proven()
        signed = await self._close(lane_runs, learned)
        await self._exchange_checkpoints()
        self._progress.enter(Phase.DONE)
        await self._keys.generations.shorten(self._session.session_id)
        return signed

    async def _canaries(self) -> Sequence[tuple[bytes, ...]]:
        """The private canaries: those of before the break, or fresh ones, and with them the session's file begins."""
        if self._kept is not None:
            return [head.private for head in self._kept.heads]
        drawn = private_canaries(len(self._session.frozen))
        self._kept = await self._keys.resumptions.begin(self._session, drawn)
        return drawn

    def _prepare(self, canaries: Sequence[tuple[bytes, ...]]) -> None:
        """Items go into the machines alone: what a machine does not keep of them is free again."""
        filled = fill_lanes(self._session, self._engines, canaries)
        self._machines = build_machines(
            self._session, filled, self._engines, self._worker, self._bundles.keepers, self._kept
        )
        self._lanes = tuple(each.places for each in filled)

    def _recall(self, lane_runs: LaneRuns) -> None:
        """Tell machines and transcripts what was done before the break: nothing of it is computed or sent again."""
        if self._kept is None:
            return
        by_lane = {run.lane: run for run in self._machines}
        for each in self._kept.recalled(self._answered):
            run = by_lane[each.lane]
            cast(Recalls, run.machine).recall(each.blinded, each.answer, each.outputs)
            lane_runs.recalled(run, each.blinded, each.answer)
        for lane, outputs_of_own in self._kept.recalled_own():
            cast(RecallsOwn, by_lane[lane].machine).recall_own(outputs_of_own)

    def _hashes(self, lane_runs: LaneRuns) -> Hashes:
        ours, theirs = lane_runs.sent.value().hex(), lane_runs.received.value().hex()
        if self._session.side == "initiator":
            return Hashes(initiator=ours, responder=theirs)
        return Hashes(initiator=theirs, responder=ours)

    async def _barrier(self, lane_runs: LaneRuns) -> None:
        """Pre-records: ours is logged as it is signed, the peer's before any completing frame of ours."""
        self._progress.enter(Phase.BARRIER)
        session, so_far = self._session, self._hashes(lane_runs)
        if session.learns:
            text = pre_record(session.offer, session.accept, session.own_lab, so_far)
            await self._conversation.send("pre_record", await self._books.own_pre_record(session, text))
        if session.peer_learns:
            note = await self._conversation.expect_note("pre_record")
            theirs = PreRecord.open(note, session.peer.document_verifier)
            if theirs != pre_record(session.offer, session.accept, session.peer.lab, so_far):
                raise TranscriptMismatch(
                    "the peer's pre-record differs from what this node saw up to the barrier"
                )
            await self._books.peer_pre_record(session, note)
        if not session.peer_learns:
            await self._books.transcripts(session, sent=lane_runs.sent.value())
        if not session.learns:
            await self._books.transcripts(session, received=lane_runs.received.value())

    async def _keep_proven(self) -> None:
        """Keep what the run leaves for the record and for the next run, before either side can sign."""
        session = self._session
        made = await asyncio.to_thread(made_generations, session, self._machines)
        await self._keys.generations.keep(session.session_id, list(made.values()))
        for lane in made:
            await self._books.forget_purged(session, lane, self._keys.generations)
        await self._bundles.keep(bytes.fromhex(session.offer.agreement))
        self._chunks = proven_chunks(self._machines, len(self._lanes), made)
        await self._books.chunks(session, self._chunks)

    async def _keep_sent(self, transcript: bytes) -> None:
        await self._keep_proven()
        await self._books.transcripts(self._session, sent=transcript)

    def _learn(self, outcomes: dict[int, Outcome]) -> Learned:
        if not self._session.learns:
            return NOTHING_LEARNED
        counts: dict[int, int] = {}
        matched: dict[int, Sequence[int]] = {}
        said = self._books.peer_words(self._session)
        for lane, outcome in outcomes.items():
            frozen = self._session.frozen[lane]
            if outcome.positions is None:
                counts[lane] = matched_count(outcome.count, frozen.match_key)
                continue
            places = matched_elements(self._lanes[lane], outcome.positions, frozen.match_key)
            counts[lane] = len(places)
            matched[lane] = array("I", (place for place in places if not frozen.snapshot.is_dummy(place)))
            said.take(lane, matched[lane], outcome)
        salts = tuple(secrets.token_bytes(SALT_BYTES) for _ in self._lanes)
        both = self._session.peer_learns
        claims = tuple(
            claim(counts[lane], both_learn=both, salt=salts[lane]) for lane in range(len(self._lanes))
        )
        return Learned(counts, matched, salts, claims, said.labels, said.unopened)

    async def _close(self, lane_runs: LaneRuns, learned: Learned) -> Record:
        session = self._session
        if not session.signs_first and session.learns:
            await self._books.hold(session, learned)
            await self._books.transcripts(session, received=lane_runs.received.value())
        self._progress.enter(Phase.RESULTS)
        if session.learns:
            await self._conversation.send("result", Result(lanes=learned.claims))
        theirs = await self._peer_claims() if session.peer_learns else ()
        text = build_record(
            session, learned.claims, theirs, self._engines, self._hashes(lane_runs), self._chunks
        )
        if session.signs_first:
            await self._sign_first(text, learned)
        else:
            await self._sign_second(text)
        return text

    async def _peer_claims(self) -> tuple[str, ...]:
        _, body = await self._conversation.expect("result")
        claims = tuple(cast(Result, body).lanes)
        check_claims(claims, self._session.smaller_sizes, both_learn=self._session.learns)
        return claims

    async def _sign_first(self, text: Record, learned: Learned) -> None:
        session = self._session
        note = await self._books.sign_first(session, text, learned)
        self._progress.enter(Phase.SIGNED)
        await self._conversation.send("record", note)
        both = await self._conversation.expect_note("record")
        await self._books.countersigned(session.offer, text, countersigned(note, both, session))
        self._progress.enter(Phase.COUNTERSIGNED)

    async def _sign_second(self, text: Record) -> None:
        session = self._session
        first = await self._conversation.expect_note("record")
        verifier = session.peer.document_verifier
        if Record.open(first, verifier) != text:
            raise TranscriptMismatch("the peer's record differs from the one this node builds")
        theirs = Note.parse(first).only_by(verifier).render()
        note = await self._books.sign_second(session.offer, text, theirs)
        self._progress.enter(Phase.SIGNED)
        await self._conversation.send("record", note)
        self._progress.enter(Phase.COUNTERSIGNED)

    async def _exchange_checkpoints(self) -> None:
        """The record has both signatures by now: a fault here is told in the log, and undoes nothing."""
        try:
            peer = self._session.peer
            await self._conversation.send("checkpoint", await self._checkpoints.for_witness(peer.lab))
            _, theirs = await self._conversation.expect("checkpoint")
            answer = await self._checkpoints.witness(peer, cast(Checkpoint, theirs), log_it=True)
            await self._conversation.send("checkpoint", answer)
            # A peer of a version without cosignatures ends the stream here, and the warning below says so.
            _, ours = await self._conversation.expect("checkpoint")
            await self._checkpoints.cosigned_by(peer, cast(Checkpoint, ours))
        except (PeerError, SessionAborted, VerificationError) as fault:
            log.warning(
                "checkpoint exchange failed", peer=self._session.peer.lab, code=fault.code, reason=str(fault)
            )


def build_record(
    session: OpenSession,
    own_claims: tuple[str, ...],
    peer_claims: tuple[str, ...],
    engines: tuple[Engine, ...],
    transcripts: Hashes,
    chunks: tuple[Chunks | None, ...],
) -> Record:
    """The record from our own state; a side that learned nothing has no claims."""
    lanes = range(len(session.offer.lanes))
    own = own_claims or (None,) * len(lanes)
    theirs = peer_claims or (None,) * len(lanes)
    initiator, responder = (own, theirs) if session.side == "initiator" else (theirs, own)
    claims = tuple(Claims(initiator=initiator[lane], responder=responder[lane]) for lane in lanes)
    security = tuple(engine.security for engine in engines)
    return record(session.offer, session.accept, security, claims, transcripts, chunks)


def countersigned(first: bytes, both: bytes, session: OpenSession) -> bytes:
    """Our record with the peer's signature out of its answer, and no other line of it.

    The answer must be the same text with our signature and the peer's; raises otherwise.
    """
    own, answer, verifier = Note.parse(first), Note.parse(both), session.peer.document_verifier
    if answer.text != own.text or not set(own.signatures) <= set(answer.signatures):
        raise ProtocolFault("the peer answered our record with another text, or without our signature")
    Record.open(both, verifier)
    return Note(own.text, (*own.signatures, *answer.only_by(verifier).signatures)).render()
