"""The salted commitment to a match key's frozen set: a Merkle root over leaves of salt and fingerprint."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from psi_core import native_core
from psi_core.errors import EngineFault
from psi_core.log.tree import leaf_hash, root_of
from psi_core.session.packed import Packed, gather

SALT_BYTES = 16


@dataclass(frozen=True, repr=False)
class Members:
    """What a set is frozen from. elements: 32 bytes each; salts: 16 bytes each, in the same order.

    The first `true` elements are fingerprints, ascending; the others are dummies.
    """

    elements: Packed
    salts: Packed
    true: int

    @classmethod
    def of(cls, members: Iterable[tuple[bytes, bytes, bool]]) -> Members:
        """From triples of element, salt and whether it is a dummy, in any order."""
        ordered = sorted(members, key=lambda member: (member[2], member[0]))
        return cls(
            Packed.of(element for element, _, _ in ordered),
            Packed.of((salt for _, salt, _ in ordered), SALT_BYTES),
            sum(not is_dummy for _, _, is_dummy in ordered),
        )


@dataclass(frozen=True, repr=False)
class Snapshot:
    """A frozen set: `elements` (fingerprints and dummies, 32 bytes each) in leaf order, and its commitment.

    order: for each leaf, its place among the members (u32 each); those from `true` on are dummies. Neither ever
    leaves the node.
    """

    match_key: str
    elements: Packed
    order: memoryview
    true: int
    root: bytes
    padded_size: int

    def is_dummy(self, place: int) -> bool:
        """Whether the element at this place is no fingerprint."""
        return bool(self.order[place] >= self.true)


def freeze(match_key: str, members: Members, padded_size: int) -> Snapshot:
    """Commit to `members`.

    Leaves are leaf_hash(salt || element) (RFC 6962), ordered by leaf hash, so that order says nothing. The
    commitment proves that a set was fixed beforehand, not that the engine evaluated it. Raises EngineFault when two
    fingerprints are equal or do not ascend: an engine needs a set.
    """
    if not members.elements[: members.true].ascends():
        raise EngineFault("two elements of a snapshot are equal, or not in order: it is not a set")
    order, root = _committed(members)
    return Snapshot(
        match_key=match_key,
        elements=gather(members.elements, order),
        order=memoryview(order).toreadonly(),
        true=members.true,
        root=root,
        padded_size=padded_size,
    )


def _committed(members: Members) -> tuple[array[int], bytes]:
    """Places of members in the order of their leaf hashes, and the root over these."""
    elements, salts = members.elements, members.salts
    if native_core.native is None:
        hashes = (leaf_hash(salt + element) for element, salt in zip(elements, salts, strict=True))
        leaves = sorted((leaf, place) for place, leaf in enumerate(hashes))
        return array("I", [place for _, place in leaves]), root_of([leaf for leaf, _ in leaves])
    order, root = native_core.native.commit(elements.buffer, salts.buffer)
    return native_core.numbers(order), root
