"""The sender's machine: chunks answered with proofs; after the barrier tags out, maybe return values in."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from psi_core import native_core
from psi_core.engines.interface import Outcome
from psi_core.engines.labels import label_frames
from psi_core.engines.oprf.chunks import Chunk, ChunkHashes, cut
from psi_core.engines.oprf.kept_rows import OUTPUT_BYTES
from psi_core.engines.oprf.kept_run import check_recalled
from psi_core.engines.oprf.key import EpochKey
from psi_core.engines.oprf.labels import sealed_by_tag
from psi_core.engines.oprf.lane import OprfLane
from psi_core.engines.oprf.returned import Returned
from psi_core.engines.oprf.said import Said
from psi_core.engines.oprf.segment import Facts, Left, segment_of
from psi_core.engines.oprf.tag_frames import encode_frames, tag_bytes
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.session.packed import Packed


class OprfSender:
    """Serves its items to a receiver (see the package for the flow); with direction `both` it learns too.

    `chunk_hashes` stand for all answered chunks, in order.
    """

    def __init__(self, lane: OprfLane, key: EpochKey) -> None:
        self._lane = lane
        self._items = Packed.of(lane.items)
        self._secret = key.secret
        self._bits = lane.statement.tag_bits
        self._due = cut(lane.peer_size)[::-1]
        self._tags: list[bytes] = []
        self._outputs: list[bytes] = []
        self._theirs = Returned(lane)
        self._started = False
        self._evaluated = False
        self._completed = False
        self._answering = False
        self.chunk_hashes = ChunkHashes()

    def start(self) -> Iterator[bytes]:
        """Evaluate its own items, chunk by chunk; yields no frame."""
        if self._started:
            raise EngineFault("oprf: the sender was started twice")
        self._started = True
        return self._evaluate()

    def recall(self, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        """Take the next chunk that the receiver has an answer to from before the run broke off; before `start`.

        What was answered behind it is asked for again, and comes from `KeptRun.answered`. `outputs` are empty. Raises
        EngineFault when it is no whole chunk, or the run has begun.
        """
        if self._started or not self._due:
            raise EngineFault("oprf: a chunk was recalled that is none of this run, or too late")
        chunk = self._due.pop()
        check_recalled(chunk, blinded, answer, outputs, width=0)
        self._keep(chunk, blinded, answer)

    def recall_own(self, outputs: bytes) -> None:
        """Take the outputs of the next chunk of its own items, computed before the run broke off; before `start`."""
        chunks = cut(len(self._lane.items))
        at = len(self._tags)
        if self._started or at == len(chunks) or len(outputs) != OUTPUT_BYTES * chunks[at].count:
            raise EngineFault("oprf: outputs were recalled that are none of this run, or too late")
        self._take_own(outputs)

    def _evaluate(self) -> Iterator[bytes]:
        for chunk in cut(len(self._lane.items))[len(self._tags) :]:
            items = self._items[chunk.first : chunk.first + chunk.count]
            outputs = native_core.native.oprf_evaluate(self._secret, bytes(items.buffer))
            self._lane.kept.own(chunk.number, outputs)
            self._take_own(outputs)
        self._evaluated = True
        yield from ()

    def _take_own(self, outputs: bytes) -> None:
        self._tags.append(native_core.native.oprf_tags(outputs, self._bits))
        if self._lane.caches or self._lane.labels is not None or self._lane.returns:
            self._outputs.append(outputs)

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take a blinded chunk and answer it, or return values once the tags were sent (direction `both`).

        The answer is computed when the returned iterator is drawn, which must be done before the next frame is
        taken.
        """
        if self._answering:
            raise EngineFault("oprf: a frame was handed in before the answer to the last one was drawn")
        if not self._due:
            return self._take_return(frame)
        chunk = self._due.pop()
        if len(frame) != chunk.blinded_bytes:
            raise ProtocolFault(
                f"oprf: blinded chunk {chunk.number} has {len(frame):,} bytes, {chunk.blinded_bytes:,} are due"
            )
        self._answering = True
        return self._answer(chunk, frame)

    def _answer(self, chunk: Chunk, blinded: bytes) -> Iterator[bytes]:
        answer = self._answered_before(chunk, blinded)
        if answer is None:
            try:
                answer = native_core.native.oprf_answer(self._secret, blinded, chunk.binding(self._lane.ctx))
            except ValueError as fault:
                raise ProtocolFault(f"oprf: blinded chunk {chunk.number}: {fault}") from None
            self._lane.kept.chunk(chunk.number, blinded, answer, b"")
        self._keep(chunk, blinded, answer)
        self._answering = False
        yield answer

    def _answered_before(self, chunk: Chunk, blinded: bytes) -> bytes | None:
        before = self._lane.kept.answered(chunk.number)
        if before is None:
            return None
        if not hmac.compare_digest(before[0], blinded):
            raise ProtocolFault(
                f"oprf: blinded chunk {chunk.number} has other bytes than the ones that were answered before the break"
            )
        return before[1]

    def _keep(self, chunk: Chunk, blinded: bytes, answer: bytes) -> None:
        self._lane.keep_chunk(chunk.number, blinded, answer)
        self.chunk_hashes.add(blinded, answer)

    def _take_return(self, frame: bytes) -> Iterator[bytes]:
        if not self._lane.returns or not self._completed:
            raise ProtocolFault("oprf: a frame arrived after the last blinded chunk")
        self._theirs.take(frame)
        return iter(())

    @property
    def learns(self) -> bool:
        """Whether return values are due, with direction `both`: then `done` and `result` are as a receiver's."""
        return self._lane.returns

    @property
    def opened(self) -> bool:
        """Whether every blinded chunk has arrived and was answered."""
        return not self._due and not self._answering

    def complete(self) -> Iterator[bytes]:
        """Yield the frames of its tags, sorted by their own value, and in their order those of sealed labels."""
        if not self.opened or not self._evaluated or self._completed:
            raise EngineFault("oprf: tags were asked for twice, or before every chunk was answered")
        self._completed = True
        return self._send_tags()

    def _send_tags(self) -> Iterator[bytes]:
        lane = self._lane
        yield from encode_frames(self._sorted(), self._bits)
        if lane.labels is not None and lane.labels.sent:
            outputs, tags, width = b"".join(self._outputs), b"".join(self._tags), tag_bytes(self._bits)
            sealed = sealed_by_tag(lane.labels, lane.ctx, outputs, tags, width, lane.labels.own)
            yield from label_frames(sealed, lane.labels.sent)

    def _sorted(self) -> bytes:
        return native_core.native.oprf_sort(b"".join(self._tags), tag_bytes(self._bits))

    @property
    def done(self) -> bool:
        """Whether every return value has arrived; where none is due, whether the tags were asked for."""
        return self._theirs.complete if self.learns else self._completed

    def result(self) -> Outcome:
        """With direction `both`: positions of its items whose return values came back, and their number.

        A value counts only if the sender computes it from its own items. This proves that the receiver evaluated
        them, not that it returned all.
        """
        if not self._lane.returns or not self.done:
            raise EngineFault("oprf: a sender's result was asked for before every return value arrived")
        return self._theirs.outcome(b"".join(self._outputs))

    def left(self) -> Left:
        """What this run leaves, the epoch's first generation; it counts once the record is signed."""
        if not self._completed or not self._lane.caches:
            raise EngineFault("oprf: the run is not over, or was not asked to keep its outputs")
        lane, tags = self._lane, self._sorted()
        facts = Facts(None, self.chunk_hashes.root(), lane.peer_size)
        self._outputs = [b"".join(self._outputs)]
        said = Said.first(lane.labels.sent, lane.labels.own) if lane.labels and lane.labels.sent else None
        items = bytes(self._items.buffer)
        segment = segment_of(facts, lane.statement, items, self._outputs[0], coming=tags, said=said)
        return Left(facts.name(lane.statement, tags), segment)
