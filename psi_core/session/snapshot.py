"""The salted commitment to a match key's frozen set: a Merkle root over leaves of salt and fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psi_core import native_core
from psi_core.log.tree import leaf_hash, root_of

SALT_BYTES = 16


@dataclass(frozen=True, repr=False)
class Snapshot:
    """A frozen set: `elements` (fingerprints and dummies, 32 bytes each) in leaf order, and its commitment.

    `true_elements` says which positions hold fingerprints; it never leaves the node.
    """

    match_key: str
    elements: tuple[bytes, ...]
    true_elements: frozenset[int]
    root: bytes
    padded_size: int


def freeze(match_key: str, members: Sequence[tuple[bytes, bytes, bool]], padded_size: int) -> Snapshot:
    """Commit to `members`, triples of element, 16-byte salt and whether it is a dummy.

    Leaves are leaf_hash(salt || element) (RFC 6962), ordered by leaf hash, so that order says nothing. The
    commitment proves that a set was fixed beforehand, not that the engine evaluated it.
    """
    order, root = _committed([(element, salt) for element, salt, _ in members])
    return Snapshot(
        match_key=match_key,
        elements=tuple([members[place][0] for place in order]),
        true_elements=frozenset([place for place, member in enumerate(order) if not members[member][2]]),
        root=root,
        padded_size=padded_size,
    )


def _committed(pairs: Sequence[tuple[bytes, bytes]]) -> tuple[list[int], bytes]:
    """Places of pairs (element, salt) in the order of their leaf hashes, and the root over these."""
    if native_core.native is None:
        leaves = sorted((leaf_hash(salt + element), place) for place, (element, salt) in enumerate(pairs))
        return [place for _, place in leaves], root_of([leaf for leaf, _ in leaves])
    order, root = native_core.native.commit(b"".join([element + salt for element, salt in pairs]))
    return native_core.positions(order), root
