"""How much has changed since a generation, counted before the session's own canaries are known.

All numbers are whole delta buckets. A receiver reaches one by evaluating some items again that it has outputs of
(each has a fresh blind, so the sender cannot tell them from new ones); a sender's frozen set is made to reach it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from psi_core.engines.oprf.generation import Generation, delta_size, width_of
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.lane import item_domain
from psi_core.session.items import CANARY_PLACES, items_of
from psi_core.session.opening import GenerationTerms


def tagged(generation: Generation, statement: KeyStatement, elements: Sequence[bytes]) -> set[bytes]:
    """Those of the elements (32 bytes each) that the generation knows."""
    unknown = generation.recall(_packed(statement, elements), statement).unknown
    return set(elements) - {elements[at] for at in unknown}


def receiver_terms(
    generation: Generation, statement: KeyStatement, elements: Sequence[bytes], bucket: int
) -> GenerationTerms:
    """What a receiver shows: the generation, and its new items with the 16 canaries, padded to the bucket."""
    unknown = generation.recall(_packed(statement, elements), statement).unknown
    return _named(generation, new=delta_size(len(unknown) + CANARY_PLACES, bucket))


def sender_terms(
    generation: Generation, statement: KeyStatement, elements: Sequence[bytes], bucket: int
) -> GenerationTerms | None:
    """What a sender shows; None when its frozen set was not made to change by whole buckets."""
    known = generation.recall(_packed(statement, elements), statement)
    added = len(known.unknown) + CANARY_PLACES
    removed = len(known.gone) + len(generation.orphans) // width_of(statement)
    if added % bucket or removed % bucket:
        return None
    return _named(generation, added=added, removed=removed)


def forgetting(
    generation: Generation, statement: KeyStatement, items: Sequence[bytes], new: int
) -> Generation:
    """A receiver's generation that lacks so many of the items that exactly `new` have to be evaluated."""
    unknown = set(generation.recall(b"".join(items), statement).unknown)
    known = [at for at in range(len(items)) if at not in unknown]
    again = min(max(new - len(unknown), 0), len(known))
    chosen = secrets.SystemRandom().sample(known, again)
    return generation.without([items[at] for at in chosen], statement, sends=False)


def _packed(statement: KeyStatement, elements: Sequence[bytes]) -> bytes:
    return bytes(items_of(item_domain(statement), elements).buffer)


def _named(generation: Generation, **numbers: int) -> GenerationTerms:
    return GenerationTerms(number=generation.name.number, hash=generation.name.hash.hex(), **numbers)
