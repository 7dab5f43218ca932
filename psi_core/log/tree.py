"""The Merkle tree of RFC 6962 section 2.1, over stored hashes of complete subtrees.

A node (level, position) is the root of the complete subtree over leaves
[position * 2^level, (position + 1) * 2^level); level 0 holds the leaf hashes. Callers hand in
`read(level, position) -> hash`; this module keeps no state.

    level 2            (2,0)                 a tree of 6 leaves has root
    level 1      (1,0)       (1,1)  (1,2)    node(node((1,0), (1,1)), (1,2))
    level 0     0     1     2   3   4   5
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from psi_core import native_core
from psi_core.errors import InvalidProof

ReadNode = Callable[[int, int], bytes]

HASH_LENGTH = 32
MAX_SIZE = 2**63 - 1
MAX_PROOF = 64
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data), 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def leaf_hashes(rows: Sequence[bytes]) -> bytes:
    """Return `leaf_hash` of many rows side by side, 32 bytes each, in their order."""
    if native_core.native is None:
        return b"".join(map(leaf_hash, rows))
    return native_core.native.leaf_hashes(*native_core.packed(rows))


def subtrees(leaf_hashes: bytes) -> list[bytes]:
    """Return the hashes of every complete subtree over n packed leaf hashes: level k holds n >> k, level 0 the leaves.

    Right for leaves from the beginning of a tree, or from any multiple of a power of two that is n or more.
    """
    found = [leaf_hashes]
    if native_core.native is not None:
        return found + native_core.native.levels(leaf_hashes)
    level = native_core.cut(leaf_hashes)
    while len(level) > 1:
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        found.append(b"".join(level))
    return found


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def appended(size: int, leaf: bytes, read: ReadNode) -> list[tuple[int, int, bytes]]:
    """Return the nodes (level, position, hash) that the leaf hash `leaf` completes as leaf number `size`.

    The first is the leaf itself; there are 1 + (number of trailing one bits of `size`). Nothing is written.
    """
    if len(leaf) != HASH_LENGTH:
        raise InvalidProof("a leaf hash has 32 bytes: hash the entry with leaf_hash first")
    nodes = [(0, size, leaf)]
    level, position = 0, size
    while position & 1:
        leaf = node_hash(read(level, position - 1), leaf)
        level, position = level + 1, position >> 1
        nodes.append((level, position, leaf))
    return nodes


def root(size: int, read: ReadNode) -> bytes:
    """Return the root of the first `size` leaves, 32 bytes; reads at most 63 nodes."""
    return EMPTY_ROOT if size == 0 else _subtree(0, size, read)


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over these leaf hashes, all in memory (for example a snapshot's commitment)."""
    if not leaf_hashes:
        return EMPTY_ROOT
    if native_core.native is not None:
        return native_core.native.root(b"".join(leaf_hashes))
    level = list(leaf_hashes)
    while len(level) > 1:
        paired = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        # An odd last node rises unhashed: that is RFC 6962's split at the largest power of two.
        level = paired + level[len(paired) * 2 :]
    return level[0]


def inclusion_proof(index: int, size: int, read: ReadNode) -> list[bytes]:
    """Return the audit path of leaf `index` among `size`, nearest sibling first (RFC 6962 2.1.1)."""
    if not 0 <= index < size <= MAX_SIZE:
        raise InvalidProof(f"there is no leaf {index} in a tree of {size} leaves")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, read))
            high = middle
        else:
            path.append(_subtree(low, middle, read))
            low = middle
    return path[::-1]


def consistency_proof(old: int, new: int, read: ReadNode) -> list[bytes]:
    """Return the proof that the tree of `new` leaves extends that of `old` (RFC 6962 2.1.2)."""
    if not 0 <= old <= new <= MAX_SIZE:
        raise InvalidProof(f"a tree of {new} leaves cannot extend one of {old}")
    if old in {0, new}:
        return []
    path: list[bytes] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_subtree(middle, high, read))
            high = middle
        else:
            path.append(_subtree(low, middle, read))
            low, whole = middle, False
    if not whole:
        path.append(_subtree(low, high, read))
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` is leaf `index` of the tree of `size` leaves with this root.

    RFC 9162 section 2.1.3.2. Raises InvalidProof.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise InvalidProof("an inclusion proof names a leaf outside its tree")
    _check_hashes([leaf])
    _check_hashes(proof)
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InvalidProof("an inclusion proof is too long")
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    if last or not hmac.compare_digest(value, root):
        raise InvalidProof("an inclusion proof does not lead from the leaf to the root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (new, new_root) extends the tree (old, old_root).

    RFC 9162 section 2.1.4.2; old = 0 takes an empty proof, as a C2SP witness does. Raises InvalidProof.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise InvalidProof("a consistency proof goes from a larger tree to a smaller one")
    _check_hashes(proof)
    if old in {0, new}:
        _verify_trivial(old, new, old_root, new_root, proof)
        return
    nodes = list(proof)
    # An old tree that is one complete subtree is itself the first node of the path.
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise InvalidProof("a consistency proof is empty")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_value = new_value = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise InvalidProof("a consistency proof is too long")
        if position & 1 or position == last:
            old_value, new_value = node_hash(node, old_value), node_hash(node, new_value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_value = node_hash(new_value, node)
        position, last = position >> 1, last >> 1
    if last or not (hmac.compare_digest(old_value, old_root) and hmac.compare_digest(new_value, new_root)):
        raise InvalidProof("a consistency proof does not lead to both roots: the log was changed or cut")


def _verify_trivial(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise InvalidProof("a consistency proof has hashes where none are needed")
    if old == 0 and not hmac.compare_digest(old_root, EMPTY_ROOT):
        raise InvalidProof("an empty tree has another root than SHA-256 of nothing")
    if old == new and not hmac.compare_digest(old_root, new_root):
        raise InvalidProof("two trees of the same size have different roots: the log was changed or forked")
    if len(new_root) != HASH_LENGTH and old != new:
        raise InvalidProof("a root does not have 32 bytes")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > MAX_PROOF or any(len(each) != HASH_LENGTH for each in hashes):
        raise InvalidProof(f"a proof has more than {MAX_PROOF} hashes, or one that is not 32 bytes long")


def _split(width: int) -> int:
    """Return the largest power of two below `width` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(low: int, high: int, read: ReadNode) -> bytes:
    """Return the hash over leaves [low, high); `low` is a multiple of the power of two that covers them."""
    peaks: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        peaks.append(read(level, low >> level))
        low += 1 << level
    value = peaks.pop()
    while peaks:
        value = node_hash(peaks.pop(), value)
    return value
