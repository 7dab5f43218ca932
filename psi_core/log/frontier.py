"""The right edge of a growing Merkle tree (RFC 6962): enough to append leaves and know the root, nothing else.

A tree of n leaves is cut into complete subtrees, one for each one bit of n, the largest first; their roots are kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from psi_core.errors import InvalidProof
from psi_core.log.tree import EMPTY_ROOT, HASH_LENGTH, MAX_SIZE, node_hash


class Frontier:
    """`size` leaves, and at most 63 hashes of 32 bytes. Raises InvalidProof when the two do not fit each other."""

    def __init__(self, size: int = 0, hashes: bytes = b"") -> None:
        if not 0 <= size <= MAX_SIZE or len(hashes) != HASH_LENGTH * size.bit_count():
            raise InvalidProof("the edge of a tree does not have a hash for each of its complete subtrees")
        self.size = size
        self._peaks = [hashes[at : at + HASH_LENGTH] for at in range(0, len(hashes), HASH_LENGTH)]

    @property
    def hashes(self) -> bytes:
        """The roots of the complete subtrees, one after the other, the largest first."""
        return b"".join(self._peaks)

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes, 32 bytes each."""
        for leaf in leaves:
            if len(leaf) != HASH_LENGTH:
                raise InvalidProof("a leaf hash has 32 bytes: hash the entry with leaf_hash first")
            value, position = leaf, self.size
            while position & 1:
                value = node_hash(self._peaks.pop(), value)
                position >>= 1
            self._peaks.append(value)
            self.size += 1

    def root(self) -> bytes:
        """The root of the tree, 32 bytes."""
        if not self._peaks:
            return EMPTY_ROOT
        value = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            value = node_hash(peak, value)
        return value
