"""What is kept of one session while it runs, lane by lane, and what a session that goes on finds of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from psi_core.engines.oprf.chunks import Chunk, cut
from psi_core.errors import ProtocolFault, SessionError, StoreError
from psi_service.sessions.resumption_file import Kind, Record, ResumptionFile
from psi_service.sessions.resumption_head import LaneHead


class Answered(NamedTuple):
    """One answered chunk of a lane; with its outputs at the receiver, without at the sender."""

    lane: int
    chunk: Chunk
    blinded: bytes
    answer: bytes
    outputs: bytes


class OpenResumption:
    """An open file with its head. Chunks of all lanes, in the lanes' order, are one sequence: they are answered so."""

    def __init__(
        self, file: ResumptionFile, heads: Sequence[LaneHead], receiver_sizes: Sequence[int], *, sends: bool
    ) -> None:
        """Of a file that a session left. Raises StoreError when what it holds is not the beginning of that session.

        receiver_sizes: per lane, how many items are evaluated. sends: whether this side does.
        """
        self._file = file
        self._heads = heads
        self._sends = sends
        self._due = [(lane, chunk) for lane, size in enumerate(receiver_sizes) for chunk in cut(size)]
        self._chunks = [record for record in file.records if record.kind is Kind.CHUNK]
        self._own = [record for record in file.records if record.kind is Kind.OWN]
        places = [(record.lane, record.number) for record in self._chunks]
        if places != [(lane, chunk.number) for lane, chunk in self._due[: len(places)]]:
            raise StoreError(
                "the file of a suspended session is damaged: its chunks do not follow each other"
            )
        self._places = {place: at for at, place in enumerate(places)}

    @property
    def heads(self) -> Sequence[LaneHead]:
        """Per lane what it began with."""
        return self._heads

    @property
    def answered(self) -> int:
        """How many chunks this side held, with their answers, when the session broke off."""
        return len(self._chunks)

    def agreed(self, theirs: int) -> int:
        """Where both sides go on: behind the receiver's chunks. `theirs`: how many the peer holds.

        Raises ProtocolFault for a number that no session has; SessionError when the sender has lost answers that the
        receiver holds: it could not tell then what it answered.
        """
        if theirs > len(self._due):
            raise ProtocolFault(f"the peer holds {theirs:,} answered chunks of {len(self._due):,}")
        receiver, sender = (theirs, self.answered) if self._sends else (self.answered, theirs)
        if sender < receiver:
            raise SessionError(
                f"the receiver holds {receiver:,} answered chunks and the sender {sender:,}: a disk has lost some"
            )
        return receiver

    def recalled(self, count: int) -> Iterator[Answered]:
        """The first `count` answered chunks. Raises StoreError when one was changed."""
        for record, (lane, chunk) in zip(self._chunks[:count], self._due, strict=False):
            yield Answered(lane, chunk, *self._parts(record, chunk))

    def recalled_own(self) -> Iterator[tuple[int, bytes]]:
        """Lane and outputs of each chunk of own items that this side, the sender, had computed."""
        for record in self._own:
            yield record.lane, self._file.read(record)

    def run(self, lane: int) -> KeptLane:
        """Where the machine of a lane keeps what it does."""
        return KeptLane(self, self._file, lane)

    def before(self, lane: int, number: int) -> Answered | None:
        """A chunk that was answered before the break."""
        at = self._places.get((lane, number))
        if at is None:
            return None
        _, chunk = self._due[at]
        return Answered(lane, chunk, *self._parts(self._chunks[at], chunk))

    def close(self) -> None:
        """Nothing more is kept; threads that are still at work end at their next chunk."""
        self._file.close()

    def _parts(self, record: Record, chunk: Chunk) -> tuple[bytes, bytes, bytes]:
        body = self._file.read(record)
        answer_ends = chunk.blinded_bytes + chunk.answer_bytes
        return body[: chunk.blinded_bytes], body[chunk.blinded_bytes : answer_ends], body[answer_ends:]


class KeptLane:
    """`KeptRun` of one lane, over the session's file."""

    def __init__(self, opened: OpenResumption, file: ResumptionFile, lane: int) -> None:
        self._opened = opened
        self._file = file
        self._lane = lane

    @property
    def seed(self) -> bytes:
        """The receiver's seed of this session and lane."""
        return self._opened.heads[self._lane].seed

    def chunk(self, number: int, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        """Keep a chunk before its answer leaves, or as soon as it is proven. Raises SessionAborted when closed."""
        self._file.append(Kind.CHUNK, self._lane, number, blinded + answer + outputs, durable=True)

    def own(self, number: int, outputs: bytes) -> None:
        """Keep outputs of own items. Raises SessionAborted when closed."""
        self._file.append(Kind.OWN, self._lane, number, outputs)

    def answered(self, number: int) -> tuple[bytes, bytes] | None:
        """What was answered for a chunk before the break."""
        found = self._opened.before(self._lane, number)
        return None if found is None else (found.blinded, found.answer)
