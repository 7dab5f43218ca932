"""The receiver of an incremental run: only new items are blinded; the evaluated elements are what completes.

receiver                                                  sender
chunk i of n: new items, blinded           -->
                                          <--  tags that leave, tags that come (each sorted and coded)
============================= barrier =============================
                                          <--  chunk i of n: proof, evaluated elements
where the sender gives labels:            <--  tags that stay and are said again, labels of these and of those that come
direction `both`: return values of all matches, maybe labels  -->
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace

from psi_core import native_core
from psi_core.engines.interface import Outcome
from psi_core.engines.oprf.chunks import ChunkHashes, cut
from psi_core.engines.oprf.delta_lane import DeltaLane
from psi_core.engines.oprf.hearing import Hearing
from psi_core.engines.oprf.kept_rows import OUTPUT_BYTES
from psi_core.engines.oprf.kept_run import SEED_BYTES
from psi_core.engines.oprf.labels import Opened, returned_frames
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.return_frames import return_frames
from psi_core.engines.oprf.segment import Facts, Left
from psi_core.engines.oprf.tag_frames import TagReader
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.session.packed import Packed, gather


class DeltaReceiver:
    """Learns which of all its items the sender holds now, and evaluates only those without an output."""

    def __init__(self, lane: DeltaLane) -> None:
        self._lane = replace(lane, begun=None)
        self._bits = lane.statement.tag_bits
        self._seed = secrets.token_bytes(SEED_BYTES)
        self._known = Recalled(lane.generation, lane.items, lane.begun)
        self._new = self._to_evaluate()
        self._outputs: list[bytes] = []
        self._chunks = cut(lane.new)
        self._blinded: list[native_core.native.OprfBlinded] = []
        self._leaving = TagReader(lane.removed, self._bits)
        self._coming = TagReader(lane.added, self._bits)
        self._labels = Hearing(lane) if lane.sender_labels else None
        self._tags = b""
        self._found: tuple[Sequence[int], Opened] | None = None
        self._started = False
        self.chunk_hashes = ChunkHashes()

    def _to_evaluate(self) -> list[int]:
        """Places of the new items, and of as many known ones as the stated number, a whole bucket, has more.

        Each has a fresh blind, so that the sender cannot tell them from new ones.
        """
        unknown, stated = self._known.unknown, self._lane.new
        places = sorted(unknown + self._known.known_at_random(max(stated - len(unknown), 0)))
        if len(places) != stated:
            # The peer is told these words: how many there are is not for it.
            raise EngineFault(
                f"oprf: lane {self._lane.match_key} has more new items, or fewer items, than the {stated:,} stated"
            )
        return places

    def start(self) -> Iterator[bytes]:
        """Yield the blinded chunks of new items."""
        if self._started:
            raise EngineFault("oprf: the receiver was started twice")
        self._started = True
        return self._blind()

    def _blind(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            places = self._new[chunk.first : chunk.first + chunk.count]
            items = self._known.items_at(places)
            blinded = native_core.native.oprf_blind(self._seed, chunk.first, items)
            self._blinded.append(blinded)
            yield blinded.elements

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take tags that leave, then tags that come, then (after the barrier) the answers, then labels.

        What takes long is done when the returned iterator is drawn.
        """
        if not self._leaving.complete:
            self._leaving.take(frame)
        elif not self._coming.complete:
            self._coming.take(frame)
        elif self._labels is not None and self.chunk_hashes.count == len(self._chunks):
            return self._take_label(self._labels, frame)
        else:
            return self._take_answer(frame)
        if self.opened:
            self._change_tags()
        return iter(())

    def _change_tags(self) -> None:
        lane = self._lane
        try:
            self._tags = lane.generation.known.changed(self._leaving.tags(), self._coming.tags())
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
        self._outputs.append(outputs)
        lane.keep_chunk(chunk.number, blinded.elements, answer)
        self.chunk_hashes.add(blinded.elements, answer)
        if self.chunk_hashes.count == len(self._chunks):
            self._learn()
        if self.done and lane.returns:
            yield from self._return()

    def _take_label(self, labels: Hearing, frame: bytes) -> Iterator[bytes]:
        labels.take(frame, self._coming.tags(), self._tags)
        if self.done and self._lane.returns:
            yield from self._return()

    def _learn(self) -> None:
        unknown = set(self._known.unknown)
        new = array("I", [at for at, place in enumerate(self._new) if place in unknown])
        self._known.learn(bytes(gather(Packed(b"".join(self._outputs), OUTPUT_BYTES), new).buffer))

    def _matches(self) -> tuple[Sequence[int], Opened]:
        """Places of all matches, old and new, and their labels; a match whose label does not open is none."""
        if self._found is None:
            matches: Sequence[int] = self._known.matches(self._tags)
            opened = Opened({}, ())
            if self._labels is not None:
                opened = self._labels.opened(self._known, matches)
                closed = frozenset(opened.closed)
                matches = [at for at in matches if at not in closed]
            self._found = matches, opened
        return self._found

    def _return(self) -> Iterator[bytes]:
        lane, (matches, _) = self._lane, self._matches()
        outputs = self._known.outputs_of(matches)
        if lane.labels is None or not lane.labels.sent:
            yield from return_frames(native_core.native.oprf_return_values(outputs, lane.ctx))
            return
        size = lane.labels.sent
        own = [lane.labels.own[at * size : (at + 1) * size] for at in matches]
        yield from returned_frames(lane.labels, lane.ctx, native_core.cut(outputs, OUTPUT_BYTES), own)

    @property
    def opened(self) -> bool:
        """Whether all changes of tags have arrived."""
        return self._leaving.complete and self._coming.complete

    @property
    def done(self) -> bool:
        """Whether every chunk was answered, every answer proven, and every label there where any are due."""
        answered = self.opened and self.chunk_hashes.count == len(self._chunks)
        return answered and (self._labels is None or self._labels.complete)

    def result(self) -> Outcome:
        """Return the positions of all matches, old and new, their number and labels."""
        if not self.done:
            raise EngineFault("oprf: the result was asked for before every answer arrived")
        matches, opened = self._matches()
        return Outcome(matches, len(matches), opened.labels, len(opened.closed))

    def left(self) -> Left:
        """What this run leaves; it counts once the record is signed."""
        if not self.done:
            raise EngineFault("oprf: the next generation was asked for before every answer arrived")
        facts = Facts(self._lane.generation.name, self.chunk_hashes.root(), len(self._lane.items))
        heard = None if self._labels is None else self._labels.heard()
        return self._known.left(facts, self._leaving.tags(), self._coming.tags(), self._tags, heard=heard)
