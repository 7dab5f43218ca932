"""The sealed bundle of one lane: every chunk with its proof, kept outside the log, for an auditor to check.

The record of a session holds the Merkle root over a lane's chunks and their number (chunks.py). A bundle holds the
chunks themselves, 64 bytes an item. It shows that every query was answered under the key that the sender's log
commits, and never a blind: without blinds neither list says anything about an item.

    psi-oprf-bundle/v1 LF
    {"items":..., "lane":..., "match_key":..., "session_id":...} LF
    per chunk, in order: blinded elements (32 bytes each) || proof (64 bytes) || evaluated elements (32 bytes each)

Sizes follow from the record alone, so a bundle has one possible length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from psi_core import native_core
from psi_core.engines.interface import ITEM_BYTES
from psi_core.engines.oprf.chunks import PROOF_BYTES, Chunk, ChunkHashes, chunk_count, cut
from psi_core.engines.oprf.key import MOST_EVALUATIONS, check_native
from psi_core.engines.oprf.lane import sender_side
from psi_core.errors import InvalidProof
from psi_core.log.signed_text import Count, Hex16, SignedText
from psi_core.session.opening import Direction, MatchKeyName

MAX_HEADER = 512
"""Bytes of the longest header: both lines."""


class BundleHeader(SignedText):
    """Which lane of which session a bundle is of. It bears no signature: the record says what must be in it."""

    TYPE: ClassVar[str] = "psi-oprf-bundle/v1"

    session_id: Hex16
    lane: Annotated[Count, Field(lt=16)]
    match_key: MatchKeyName
    items: Annotated[Count, Field(ge=1, le=MOST_EVALUATIONS)]

    @property
    def file_name(self) -> str:
        """The name of the file that a bundle is handed over in."""
        return bundle_name(self.session_id, self.lane)


@dataclass(frozen=True)
class CommittedLane:
    """What a record and the sender's key statement fix of one lane: all that its bundle is held against.

    public: the committed key. items: how many were evaluated. root, count: of the chunks, as the record states them.
    """

    session_id: str
    lane: int
    match_key: str
    ctx: bytes
    public: bytes
    items: int
    root: bytes
    count: int

    @property
    def header(self) -> BundleHeader:
        """The header that its bundle begins with."""
        return BundleHeader(
            session_id=self.session_id, lane=self.lane, match_key=self.match_key, items=self.items
        )

    @property
    def length(self) -> int:
        """Bytes of its bundle."""
        return len(self.header.text().encode()) + chunks_length(self.items)


def bundle_name(session_id: str, lane: int) -> str:
    """`<session id>-<lane>.bundle`, the lane counted from 0."""
    return f"{session_id}-{lane}.bundle"


def chunk_length(chunk: Chunk) -> int:
    """Bytes of one chunk of a bundle: 64 an item, and the proof."""
    return chunk.blinded_bytes + chunk.answer_bytes


def chunks_length(items: int) -> int:
    """Bytes of all chunks of a lane that evaluates `items` items."""
    return 2 * ITEM_BYTES * items + PROOF_BYTES * chunk_count(items)


def evaluated(direction: Direction, parameters: Mapping[str, int], *, initiator: int, responder: int) -> int:
    """How many items a lane of engine `oprf` has evaluated: the new ones of an incremental run, else all.

    `initiator` and `responder` are the padded sizes; `parameters` are those that Accept states.
    """
    receiver_size = responder if sender_side(direction) == "initiator" else initiator
    return parameters.get("new", receiver_size)


class BundleCheck:
    """Takes a bundle's chunks in order and holds them against the committed lane."""

    def __init__(self, lane: CommittedLane) -> None:
        check_native()
        self._lane = lane
        self._hashes = ChunkHashes()
        self._unproven: list[int] = []
        self.due: Sequence[Chunk] = cut(lane.items)

    def take(self, chunk: Chunk, data: bytes) -> None:
        """Check the next chunk: `data` is its blinded elements, proof and evaluated elements.

        A proof that does not hold is told by `finish`, which knows whose fault it is. Raises InvalidProof when
        `data` has another length than the record gives it.
        """
        if len(data) != chunk_length(chunk):
            raise InvalidProof(f"chunk {chunk.number} has {len(data):,} bytes")
        blinded, answer = data[: chunk.blinded_bytes], data[chunk.blinded_bytes :]
        self._hashes.add(blinded, answer)
        try:
            native_core.native.oprf_check_answer(
                self._lane.public, blinded, answer, chunk.binding(self._lane.ctx)
            )
        except ValueError:
            self._unproven.append(chunk.number)

    def finish(self) -> None:
        """Raise InvalidProof unless the chunks are those of the record and all proven under the committed key.

        Says which of the two it is: a bundle that is not the record's, or answers that both labs recorded though
        the committed key did not give them.
        """
        recorded = (self._hashes.count, self._hashes.root()) == (self._lane.count, self._lane.root)
        which = f"chunk {', '.join(map(str, self._unproven[:4]))} of {len(self.due)}"
        if not recorded:
            where = f": {which} does not hold" if self._unproven else ""
            raise InvalidProof(f"not the bundle of this record, or changed since{where}")
        if self._unproven:
            raise InvalidProof(
                f"{which} was not answered under the committed key, though the record holds it"
            )
