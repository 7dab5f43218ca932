"""How much has changed since a generation, counted before the session's own canaries are known.

All numbers are whole delta buckets. A receiver reaches one by evaluating some items again that it has outputs of
(`delta_receiver`); a sender's frozen set is made to reach it, and some labels are said again (`relabelling`).
"""

from __future__ import annotations

from collections.abc import Sequence

from psi_core.engines.oprf.generation import Generation, delta_size, width_of
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.lane import item_domain
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.relabelling import relabelled
from psi_core.session.items import CANARY_PLACES, items_of
from psi_core.session.opening import GenerationTerms
from psi_core.session.packed import Packed


def untagged(generation: Generation, elements: Sequence[bytes]) -> list[int]:
    """Places of those of the elements (32 bytes each) that the generation does not know, ascending."""
    return Recalled(generation, set_items(generation.statement, elements)).unknown


def receiver_terms(generation: Generation, known: Recalled, bucket: int) -> GenerationTerms:
    """What a receiver shows: the generation, and its new items with the 16 canaries, padded to the bucket.

    known: the items of its frozen set, as that generation knows them.
    """
    return _named(generation, new=delta_size(len(known.unknown) + CANARY_PLACES, bucket))


def sender_terms(
    generation: Generation, known: Recalled, bucket: int, labels: bytes = b""
) -> GenerationTerms | None:
    """What a sender shows; None when its frozen set was not made to change by whole buckets.

    labels: of each item of the set, packed, where the sender gives any; the generation has labels of that size then.
    """
    added = len(known.unknown) + CANARY_PLACES
    removed = known.gone + len(generation.orphans) // width_of(generation.statement)
    if added % bucket or removed % bucket:
        return None
    if not labels:
        return _named(generation, added=added, removed=removed)
    again = relabelled(generation, known, labels, bucket)
    return _named(generation, added=added, removed=removed, relabelled=again)


def set_items(statement: KeyStatement, elements: Sequence[bytes]) -> Packed:
    """The items of a frozen set (elements of 32 bytes) in the epoch of a key."""
    return items_of(item_domain(statement), elements)


def _named(generation: Generation, **numbers: int) -> GenerationTerms:
    return GenerationTerms(number=generation.name.number, hash=generation.name.hash.hex(), **numbers)
