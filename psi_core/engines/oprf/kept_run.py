"""What of a full run is kept outside the engine, so that a run that breaks off before the barrier goes on later.

    receiver                                    sender
    keeps its seed, then every proven chunk     keeps what it computes of its own items, and every chunk it answers,
    with its outputs                            before the answer leaves
    ---- the run breaks off; fresh machines are told what was kept (`recall`, `recall_own`), before they start ----
    blinds from its first unanswered chunk on: the same seed, so the same bytes
                                                answers what it had answered with the same bytes, and computes the rest

A sender that answered a chunk and is shown other bytes in its place ends the session: that would be another evaluation.
"""

from __future__ import annotations

import secrets
from typing import Protocol

from psi_core.engines.oprf.chunks import Chunk
from psi_core.errors import EngineFault

SEED_BYTES = 32


class KeptRun(Protocol):
    """Where one lane's machine keeps what it has done. Called in the machine's own thread."""

    @property
    def seed(self) -> bytes:
        """The receiver's secret seed of this session and lane, 32 bytes: it alone makes all its blinds."""
        ...

    def chunk(self, number: int, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        """A chunk was proven (receiver; with its outputs), or is about to be answered (sender; without).

        Raises SessionAborted when the run was broken off meanwhile: nothing more is kept of it, or sent.
        """
        ...

    def own(self, number: int, outputs: bytes) -> None:
        """The sender has evaluated one chunk of its own items. Raises as `chunk` does."""
        ...

    def answered(self, number: int) -> tuple[bytes, bytes] | None:
        """Sender: the blinded elements and the answer of a chunk that it answered before the run broke off."""
        ...


class Recalls(Protocol):
    """A fresh machine of a run that goes on."""

    def recall(self, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        """Take the next chunk that both sides go on behind; `outputs` are the receiver's, and empty at the sender."""
        ...


class RecallsOwn(Recalls, Protocol):
    """A fresh sender of a run that goes on."""

    def recall_own(self, outputs: bytes) -> None:
        """Take the outputs of the next chunk of its own items."""
        ...


class NotKept:
    """A run of which nothing is kept: it cannot go on once it has broken off."""

    def __init__(self) -> None:
        self.seed = secrets.token_bytes(SEED_BYTES)

    def chunk(self, number: int, blinded: bytes, answer: bytes, outputs: bytes) -> None:
        """Nothing."""

    def own(self, number: int, outputs: bytes) -> None:
        """Nothing."""

    def answered(self, number: int) -> tuple[bytes, bytes] | None:
        """Nothing was."""
        return None


def check_recalled(chunk: Chunk, blinded: bytes, answer: bytes, outputs: bytes, *, width: int) -> None:
    """Raise EngineFault unless what was kept of a chunk has the chunk's lengths; `width`: of an item's output, or 0."""
    found = len(blinded), len(answer), len(outputs)
    if found != (chunk.blinded_bytes, chunk.answer_bytes, width * chunk.count):
        raise EngineFault(f"oprf: what was kept of chunk {chunk.number} is no whole chunk")
