"""Chunks: how a list is cut, what binds a chunk's proof to its place, and what the record holds of all chunks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psi_core.engines.interface import ITEM_BYTES
from psi_core.kinds.fields import lengths
from psi_core.log.tree import leaf_hash, root_of

CHUNK = 16_384
"""Items of a chunk: 512 KiB a frame. One proof may cover at most 65,535 (its index has two bytes)."""
PROOF_BYTES = 64


@dataclass(frozen=True)
class Chunk:
    """Chunk `number` of `total`: items `first` to `first + count`."""

    number: int
    total: int
    first: int
    count: int

    @property
    def blinded_bytes(self) -> int:
        """Length of the receiver's frame."""
        return ITEM_BYTES * self.count

    @property
    def answer_bytes(self) -> int:
        """Length of the sender's frame: proof and evaluated elements."""
        return PROOF_BYTES + ITEM_BYTES * self.count

    def binding(self, ctx: bytes) -> bytes:
        """What the chunk's proof is bound to: the session, its number, and how many there are."""
        return lengths(
            "psi-oprf-chunk/v1", ctx, self.number.to_bytes(4, "big"), self.total.to_bytes(4, "big")
        )


def chunk_count(size: int) -> int:
    """How many chunks a list of `size` items has."""
    return -(-size // CHUNK)


def cut(size: int) -> list[Chunk]:
    """The chunks of a list of `size` items, in order; the last one may be shorter."""
    total = chunk_count(size)
    return [
        Chunk(number, total, number * CHUNK, min(CHUNK, size - number * CHUNK)) for number in range(total)
    ]


class ChunkHashes:
    """One 32-byte leaf per chunk: the record holds their Merkle root and number, the sealed bundle the rest."""

    def __init__(self) -> None:
        self._leaves: list[bytes] = []

    def add(self, blinded: bytes, answer: bytes) -> None:
        """Take in the next chunk: blinded elements, and the answer (proof, then evaluated elements)."""
        self._leaves.append(leaf_hash(chunk_entry(blinded, answer)))

    @property
    def count(self) -> int:
        """How many chunks there are so far."""
        return len(self._leaves)

    def root(self) -> bytes:
        """The Merkle root over all chunks in order (RFC 6962), 32 bytes."""
        return root_of(self._leaves)


def chunk_entry(blinded: bytes, answer: bytes) -> bytes:
    """What stands for a chunk: the hashes of its blinded and evaluated lists, and its proof (128 bytes)."""
    proof, evaluated = answer[:PROOF_BYTES], answer[PROOF_BYTES:]
    return hashlib.sha256(blinded).digest() + hashlib.sha256(evaluated).digest() + proof
