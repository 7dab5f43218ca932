"""The sender of an incremental run: changes of tags out, then (after the barrier) answers to the new items' chunks, and
labels of what changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from psi_core import native_core
from psi_core.engines.interface import Outcome
from psi_core.engines.oprf.chunks import Chunk, ChunkHashes, cut
from psi_core.engines.oprf.delta_lane import DeltaLane
from psi_core.engines.oprf.generation import width_of
from psi_core.engines.oprf.key import EpochKey
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.relabelling import Relabelling
from psi_core.engines.oprf.return_frames import RETURN_BYTES
from psi_core.engines.oprf.returned import Returned
from psi_core.engines.oprf.segment import Facts, Left
from psi_core.engines.oprf.tag_frames import encode_frames
from psi_core.errors import EngineFault, ProtocolFault


class DeltaSender:
    """Serves what changed: evaluates its own new items and the receiver's, nothing else."""

    def __init__(self, lane: DeltaLane, key: EpochKey) -> None:
        self._lane = replace(lane, begun=None)
        self._secret = key.secret
        self._width = width_of(lane.statement)
        self._known = Recalled(lane.generation, lane.items, lane.begun)
        if len(self._known.unknown) != lane.added:
            raise EngineFault(f"oprf: lane {lane.match_key} adds another number of tags than stated")
        self._chunks = cut(lane.new)
        self._blinded: list[bytes] = []
        self._labels = Relabelling(lane, self._known) if lane.sender_labels else None
        self._theirs = Returned(lane)
        self._leaving = self._coming = self._tags = b""
        self._started = False
        self._completed = False
        self.chunk_hashes = ChunkHashes()

    def start(self) -> Iterator[bytes]:
        """Evaluate the added items; yield the tags that leave, then those that come."""
        if self._started:
            raise EngineFault("oprf: the sender was started twice")
        self._started = True
        return self._send_changes()

    def _send_changes(self) -> Iterator[bytes]:
        lane, known, native = self._lane, self._known, native_core.native
        chunks = (known.unknown[each.first : each.first + each.count] for each in cut(len(known.unknown)))
        known.learn(b"".join([native.oprf_evaluate(self._secret, known.items_at(each)) for each in chunks]))
        self._coming = native.oprf_sort(known.new_tags, self._width)
        self._leaving = native.oprf_sort(known.gone_tags() + lane.generation.orphans, self._width)
        if len(self._leaving) != lane.removed * self._width:
            raise EngineFault(f"oprf: lane {lane.match_key} removes another number of tags than stated")
        try:
            self._tags = lane.generation.known.changed(self._leaving, self._coming)
        except ValueError as fault:
            raise EngineFault(f"oprf: the cached generation is damaged: {fault}. Run in full.") from None
        yield from encode_frames(self._leaving, lane.statement.tag_bits)
        yield from encode_frames(self._coming, lane.statement.tag_bits)

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take a blinded chunk, or return values once the answers were sent; nothing is answered before the barrier."""
        if self.opened:
            if not self.learns or not self._completed:
                raise ProtocolFault("oprf: a frame arrived after the last blinded chunk")
            self._theirs.take(frame)
            return iter(())
        chunk = self._chunks[len(self._blinded)]
        if len(frame) != chunk.blinded_bytes:
            raise ProtocolFault(
                f"oprf: blinded chunk {chunk.number} has {len(frame):,} bytes, {chunk.blinded_bytes:,} are due"
            )
        self._blinded.append(frame)
        return iter(())

    @property
    def learns(self) -> bool:
        """Whether return values are due, with direction `both`."""
        return self._lane.returns

    @property
    def opened(self) -> bool:
        """Whether every blinded chunk has arrived."""
        return len(self._blinded) == len(self._chunks)

    def complete(self) -> Iterator[bytes]:
        """Yield the answers to all chunks, then labels where any go along."""
        if not self.opened or not self._started or self._completed:
            raise EngineFault("oprf: answers were asked for twice, or before every chunk arrived")
        self._completed = True
        return self._answers()

    def _answers(self) -> Iterator[bytes]:
        for chunk, blinded in zip(self._chunks, self._blinded, strict=True):
            yield self._answer(chunk, blinded)
        if self._labels is not None:
            yield from self._labels.frames()

    def _answer(self, chunk: Chunk, blinded: bytes) -> bytes:
        try:
            answer = native_core.native.oprf_answer(self._secret, blinded, chunk.binding(self._lane.ctx))
        except ValueError as fault:
            raise ProtocolFault(f"oprf: blinded chunk {chunk.number}: {fault}") from None
        self._lane.keep_chunk(chunk.number, blinded, answer)
        self.chunk_hashes.add(blinded, answer)
        return answer

    @property
    def done(self) -> bool:
        """Whether every return value has arrived; where none is due, whether the answers were asked for."""
        return self._theirs.complete if self.learns else self._completed

    def result(self) -> Outcome:
        """With direction `both`: positions of its items whose return values came back, and their number."""
        if not self.learns or not self.done:
            raise EngineFault("oprf: a sender's result was asked for before every return value arrived")
        positions = self._known.returned(self._theirs.values(), self._lane.ctx, RETURN_BYTES)
        return self._theirs.labelled(positions, self._known.outputs_of(positions))

    def left(self) -> Left:
        """What this run leaves; it counts once the record is signed."""
        if self.chunk_hashes.count != len(self._chunks):
            raise EngineFault("oprf: the next generation was asked for before every chunk was answered")
        facts = Facts(self._lane.generation.name, self.chunk_hashes.root(), self._lane.peer_size)
        said = None if self._labels is None else self._labels.said()
        return self._known.left(facts, self._leaving, self._coming, self._tags, said=said)
