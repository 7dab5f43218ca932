"""The salted commitment to a match key's frozen set: a Merkle root over leaves of salt and fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    leaves = sorted((leaf_hash(salt + element), element, dummy) for element, salt, dummy in members)
    return Snapshot(
        match_key=match_key,
        elements=tuple(element for _, element, _ in leaves),
        true_elements=frozenset(place for place, (_, _, dummy) in enumerate(leaves) if not dummy),
        root=root_of([leaf for leaf, _, _ in leaves]),
        padded_size=padded_size,
    )
