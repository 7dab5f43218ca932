"""The receiver of an incremental run: only new items are blinded; the evaluated elements are what completes.

receiver                                                  sender
chunk i of n: new items, blinded           -->
                                          <--  tags that leave, tags that come (each sorted and coded)
============================= barrier =============================
                                          <--  chunk i of n: proof, evaluated elements
direction `both`: return values of all matches  -->
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from psi_core import native_core
from psi_core.engines.interface import Outcome
from psi_core.engines.oprf.chunks import ChunkHashes, cut
from psi_core.engines.oprf.delta_lane import DeltaLane
from psi_core.engines.oprf.generation import Facts, Generation, next_generation, width_of
from psi_core.engines.oprf.receiver import SEED_BYTES
from psi_core.engines.oprf.return_frames import return_frames
from psi_core.engines.oprf.tag_frames import TagReader
from psi_core.errors import EngineFault, ProtocolFault


class DeltaReceiver:
    """Learns which of all its items the sender holds now, and evaluates only those without an output."""

    def __init__(self, lane: DeltaLane) -> None:
        self._lane = lane
        self._bits = lane.statement.tag_bits
        self._seed = secrets.token_bytes(SEED_BYTES)
        self._known = lane.generation.recall(b"".join(lane.items), lane.statement)
        self._new = self._known.unknown
        if len(self._new) != lane.new:
            raise EngineFault(
                f"oprf: lane {lane.match_key} has {len(self._new):,} new items, {lane.new:,} stated"
            )
        self._chunks = cut(lane.new)
        self._blinded: list[native_core.native.OprfBlinded] = []
        self._leaving = TagReader(lane.removed, self._bits)
        self._coming = TagReader(lane.added, self._bits)
        self._tags = lane.generation.tags
        self._started = False
        self.chunk_hashes = ChunkHashes()

    def start(self) -> Iterator[bytes]:
        """Yield the blinded chunks of new items."""
        if self._started:
            raise EngineFault("oprf: the receiver was started twice")
        self._started = True
        return self._blind()

    def _blind(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            places = self._new[chunk.first : chunk.first + chunk.count]
            items = b"".join(self._lane.items[place] for place in places)
            blinded = native_core.native.oprf_blind(self._seed, chunk.first, items)
            self._blinded.append(blinded)
            yield blinded.elements

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take tags that leave, then tags that come, then (after the barrier) the answers.

        What takes long is done when the returned iterator is drawn.
        """
        if not self._leaving.complete:
            self._leaving.take(frame)
        elif not self._coming.complete:
            self._coming.take(frame)
        else:
            return self._take_answer(frame)
        if self.opened:
            self._change_tags()
        return iter(())

    def _change_tags(self) -> None:
        lane = self._lane
        try:
            self._tags = native_core.native.oprf_change(
                lane.generation.tags, self._leaving.tags(), self._coming.tags(), width_of(lane.statement)
            )
        except ValueError as fault:
            raise ProtocolFault(f"oprf: the peer's changes: {fault}") from None

    def _take_answer(self, answer: bytes) -> Iterator[bytes]:
        if self.done or self.chunk_hashes.count >= len(self._blinded):
            raise ProtocolFault("oprf: an answer arrived before its chunk was sent, or after the last one")
        chunk = self._chunks[self.chunk_hashes.count]
        if len(answer) != chunk.answer_bytes:
            raise ProtocolFault(
                f"oprf: the answer to chunk {chunk.number} has {len(answer):,} bytes, {chunk.answer_bytes:,} are due"
            )
        lane, blinded = self._lane, self._blinded[chunk.number]
        public = bytes.fromhex(lane.statement.public_key)
        try:
            outputs = blinded.finish(public, answer, chunk.binding(lane.ctx))
        except ValueError as fault:
            raise ProtocolFault(f"oprf: the answer to chunk {chunk.number}: {fault}") from None
        self._known.set(self._new[chunk.first : chunk.first + chunk.count], outputs)
        lane.keep_chunk(chunk.number, blinded.elements, answer)
        self.chunk_hashes.add(blinded.elements, answer)
        if self.done and lane.returns:
            yield from self._return()

    def _return(self) -> Iterator[bytes]:
        matched = self._known.outputs_of(self._matches())
        yield from return_frames(native_core.native.oprf_return_values(matched, self._lane.ctx))

    def _matches(self) -> list[int]:
        width = width_of(self._lane.statement)
        return native_core.positions(
            native_core.native.oprf_matches(bytes(self._known.tags), self._tags, width)
        )

    @property
    def opened(self) -> bool:
        """Whether all changes of tags have arrived."""
        return self._leaving.complete and self._coming.complete

    @property
    def done(self) -> bool:
        """Whether every chunk was answered, and every answer proven."""
        return self.opened and self.chunk_hashes.count == len(self._chunks)

    def result(self) -> Outcome:
        """Return the positions of all matches, old and new, and their number."""
        if not self.done:
            raise EngineFault("oprf: the result was asked for before every answer arrived")
        positions = tuple(self._matches())
        return Outcome(positions, len(positions))

    def generation(self) -> Generation:
        """Our state after this run; it counts once the record is signed."""
        if not self.done:
            raise EngineFault("oprf: the next generation was asked for before every answer arrived")
        lane = self._lane
        root, size = self.chunk_hashes.root(), len(lane.items)
        facts = Facts(lane.statement, lane.generation.name, root, size, self._tags)
        known = self._known
        return next_generation(facts, known.items, bytes(known.outputs), bytes(known.tags))
