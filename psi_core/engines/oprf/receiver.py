"""The receiver's machine: blinded chunks out, proven answers in; after the barrier tags in, maybe return values out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from psi_core import native_core
from psi_core.engines.interface import Outcome
from psi_core.engines.labels import SealedReader
from psi_core.engines.oprf.chunks import Chunk, ChunkHashes, cut
from psi_core.engines.oprf.heard import Heard
from psi_core.engines.oprf.kept_rows import OUTPUT_BYTES
from psi_core.engines.oprf.kept_run import check_recalled
from psi_core.engines.oprf.labels import (
    Opened,
    label_keys,
    open_matches,
    output_at,
    places_of,
    returned_frames,
)
from psi_core.engines.oprf.lane import OprfLane
from psi_core.engines.oprf.return_frames import RETURN_BYTES, return_frames
from psi_core.engines.oprf.segment import Facts, Left, segment_of
from psi_core.engines.oprf.tag_frames import TagReader, tag_bytes
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.session.packed import Packed


class OprfReceiver:
    """Learns which of its items the sender holds (see the package for the flow).

    `chunk_hashes` stand for all answered chunks, in order.
    """

    def __init__(self, lane: OprfLane) -> None:
        self._lane = lane
        self._items = Packed.of(lane.items)
        self._public = bytes.fromhex(lane.statement.public_key)
        self._bits = lane.statement.tag_bits
        self._chunks = cut(len(lane.items))
        self._in_flight: deque[tuple[Chunk, native_core.native.OprfBlinded]] = deque()
        self._tags: list[bytes] = []
        self._returns: list[bytes] = []
        self._outputs: list[bytes] = []
        self._theirs = TagReader(lane.peer_size, self._bits)
        self._sealed = label_reader(lane)
        self._found: tuple[list[int], Opened] | None = None
        self._started = False
        self.chunk_hashes = ChunkHashes()

    def start(self) -> Iterator[bytes]:
        """Yield the blinded chunks, 32 bytes an item."""
        if self._started:
            raise EngineFault("oprf: the receiver was started twice")
        self._started = True
        return self._blind()

    def recall(self, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        """Take the next chunk of this session that was answered and proven before the run broke off; before `start`.

        Raises EngineFault when it is no whole chunk, or the run has begun.
        """
        if self._started or self.opened:
            raise EngineFault("oprf: a chunk was recalled that is none of this run, or too late")
        chunk = self._chunks[len(self._tags)]
        check_recalled(chunk, blinded, answer, outputs, width=OUTPUT_BYTES)
        self._take_outputs(chunk, blinded, answer, outputs)

    def _blind(self) -> Iterator[bytes]:
        for chunk in self._chunks[len(self._tags) :]:
            items = self._items[chunk.first : chunk.first + chunk.count]
            blinded = native_core.native.oprf_blind(self._lane.kept.seed, chunk.first, bytes(items.buffer))
            self._in_flight.append((chunk, blinded))
            yield blinded.elements

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take the answer to the oldest chunk in flight; tags and labels once every chunk is answered.

        What takes long (the proof, the outputs) is done when the returned iterator is drawn, which must be done
        before the next frame is taken.
        """
        if self.opened:
            return self._take_completing(frame)
        if not self._in_flight:
            raise ProtocolFault("oprf: an answer arrived before its chunk was sent")
        chunk, blinded = self._in_flight.popleft()
        if len(frame) != chunk.answer_bytes:
            raise ProtocolFault(
                f"oprf: the answer to chunk {chunk.number} has {len(frame):,} bytes, {chunk.answer_bytes:,} are due"
            )
        return self._take_answer(chunk, blinded, frame)

    def _take_answer(
        self, chunk: Chunk, blinded: native_core.native.OprfBlinded, answer: bytes
    ) -> Iterator[bytes]:
        try:
            outputs = blinded.finish(self._public, answer, chunk.binding(self._lane.ctx))
        except ValueError as fault:
            raise ProtocolFault(f"oprf: the answer to chunk {chunk.number}: {fault}") from None
        self._lane.kept.chunk(chunk.number, blinded.elements, answer, outputs)
        self._take_outputs(chunk, blinded.elements, answer, outputs)
        yield from ()

    def _take_outputs(self, chunk: Chunk, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        self._lane.keep_chunk(chunk.number, blinded, answer)
        self.chunk_hashes.add(blinded, answer)
        if self._lane.caches or self._lane.labels is not None:
            self._outputs.append(outputs)
        if self._lane.returns:
            self._returns.append(native_core.native.oprf_return_values(outputs, self._lane.ctx))
        self._tags.append(native_core.native.oprf_tags(outputs, self._bits))

    def _take_completing(self, frame: bytes) -> Iterator[bytes]:
        if self._sealed is None or not self._theirs.complete:
            self._theirs.take(frame)
        else:
            self._sealed.take(frame)
        if self.done and self._lane.returns:
            yield from self._return()

    def _return(self) -> Iterator[bytes]:
        """A match whose label did not open is none, so nothing of it is returned."""
        matches, opened = self._matches()
        closed = frozenset(opened.closed)
        kept = [at for at in matches if at not in closed]
        labels = self._lane.labels
        if labels is None or not labels.sent:
            values = b"".join(self._returns)
            matched = (values[at * RETURN_BYTES : (at + 1) * RETURN_BYTES] for at in kept)
            yield from return_frames(b"".join(matched))
            return
        outputs = b"".join(self._outputs)
        own = [labels.own[at * labels.sent : (at + 1) * labels.sent] for at in kept]
        yield from returned_frames(labels, self._lane.ctx, [output_at(outputs, at) for at in kept], own)

    def _matches(self) -> tuple[list[int], Opened]:
        if self._found is None:
            own, theirs, width = b"".join(self._tags), self._theirs.tags(), tag_bytes(self._bits)
            matches = native_core.positions(native_core.native.oprf_matches(own, theirs, width))
            self._found = matches, self._open(matches, own, theirs, width)
        return self._found

    def _open(self, matches: list[int], own: bytes, theirs: bytes, width: int) -> Opened:
        if self._sealed is None or self._lane.labels is None:
            return Opened({}, ())
        outputs, wanted = b"".join(self._outputs), [own[at * width : (at + 1) * width] for at in matches]
        keys = label_keys(b"".join(output_at(outputs, at) for at in matches), self._lane.ctx, "sent")
        sealed = self._sealed.at(places_of(wanted, theirs, width))
        return open_matches(self._lane.labels, keys, wanted, sealed, matches)

    @property
    def opened(self) -> bool:
        """Whether every chunk was answered, and every answer proven."""
        return len(self._tags) == len(self._chunks)

    @property
    def done(self) -> bool:
        """Whether every tag has arrived, and every label where labels travel."""
        return self._theirs.complete and (self._sealed is None or self._sealed.complete)

    def result(self) -> Outcome:
        """Return the matching positions, their number and labels; a match whose label does not open is none."""
        if not self.done:
            raise EngineFault("oprf: the result was asked for before every tag arrived")
        matches, opened = self._matches()
        closed = frozenset(opened.closed)
        positions = tuple(at for at in matches if at not in closed)
        return Outcome(positions, len(positions), opened.labels, len(opened.closed))

    def left(self) -> Left:
        """What this run leaves, the epoch's first generation; it counts once the record is signed."""
        if not self.done or not self._lane.caches:
            raise EngineFault("oprf: the run is not over, or was not asked to keep its outputs")
        lane, tags = self._lane, self._theirs.tags()
        facts = Facts(None, self.chunk_hashes.root(), len(lane.items))
        self._outputs = [b"".join(self._outputs)]
        heard = None
        if lane.labels is not None and self._sealed is not None:
            heard = Heard.in_session(lane.labels.received, tags, lane.ctx, self._sealed.all())
        items = bytes(self._items.buffer)
        segment = segment_of(facts, lane.statement, items, self._outputs[0], coming=tags, heard=heard)
        return Left(facts.name(lane.statement, tags), segment)


def label_reader(lane: OprfLane) -> SealedReader | None:
    """What reads the sender's labels, one for each of its tags; None where none come."""
    if lane.labels is None or not lane.labels.received:
        return None
    return SealedReader(lane.peer_size, lane.labels.received)
