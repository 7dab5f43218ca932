"""What Offer and Accept may say of an incremental run, and how its numbers are counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from psi_core import native_core
from psi_core.engines.oprf.changes import receiver_terms, sender_terms, set_items, untagged
from psi_core.engines.oprf.generation import Generation, width_of
from psi_core.engines.oprf.key import EpochKey
from psi_core.engines.oprf.lane import item_domain
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.segment import Facts, segment_of
from psi_core.engines.questions import changes, stated
from psi_core.errors import ProtocolFault
from psi_core.session.items import items_of
from psi_core.session.opening import GenerationTerms, Lane
from tests.oprf_lanes import statement_of

ONE, TWO = "11" * 32, "22" * 32


def lane(*generations: GenerationTerms, engine: str = "oprf") -> Lane:
    return Lane(
        match_key="email",
        engine=engine,
        variant="verifiable",
        padded_size=64,
        snapshot="00" * 32,
        parameters={},
        generations=generations or None,
    )


def terms(hash_: str = ONE, number: int = 1, **numbers: int) -> GenerationTerms:
    return GenerationTerms(number=number, hash=hash_, **numbers)


def test_an_accept_states_the_offered_generation_with_both_sides_numbers() -> None:
    offered = lane(terms(TWO, 2, new=64), terms(new=128))
    answered = lane(terms(new=128, added=64, removed=192))
    assert changes(offered, answered, labelled=False) == {
        "generation": 1,
        "new": 128,
        "added": 64,
        "removed": 192,
    }
    assert changes(offered, lane(), labelled=False) == changes(offered, lane(), labelled=True) == {}


def test_where_the_sender_gives_labels_it_states_how_many_it_sends_again() -> None:
    shown, answered = (
        {"added": 64, "removed": 192, "relabelled": 64},
        {"new": 128, "added": 64, "removed": 192, "relabelled": 64},
    )
    given = lane(terms(**answered))
    for offered in (lane(terms(**shown)), lane(terms(new=128))):
        assert changes(offered, given, labelled=True) == {"generation": 1, **answered}
        with pytest.raises(ProtocolFault, match="other changes"):
            changes(offered, given, labelled=False)
    for wrong in (lane(terms(**answered | {"relabelled": 128})), lane(terms(new=128, added=64, removed=192))):
        with pytest.raises(ProtocolFault, match="other changes"):
            changes(lane(terms(**shown)), wrong, labelled=True)


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (lane(terms(TWO, new=128, added=64, removed=64)), "does not show"),
        (lane(terms(ONE, 2, new=128, added=64, removed=64)), "does not show"),
        (lane(terms(new=64, added=64, removed=64)), "other changes"),
        (lane(terms(new=128, added=64)), "other changes"),
        (lane(*[terms(new=128, added=64, removed=64)] * 2), "does not show"),
        (lane(terms(new=128, added=64, removed=64), engine="vole"), "does not show"),
    ],
)
def test_an_accept_cannot_build_on_anything_else(answered: Lane, words: str) -> None:
    with pytest.raises(ProtocolFault, match=words):
        changes(lane(terms(new=128)), answered, labelled=False)


def test_numbers_of_labels_that_are_sent_again_are_whole_buckets_as_all_changes() -> None:
    parameters = {"epoch": 1, "new": 64, "added": 128, "removed": 0, "relabelled": 65}
    answered = lane(terms(new=64, added=128, removed=0, relabelled=65)).model_copy(
        update={"parameters": parameters}
    )
    assert [parameters[name] for name in stated(answered)] == [64, 128, 0, 65]
    assert stated(lane()) == ()


def test_a_full_lanes_text_has_no_generations() -> None:
    assert "generations" not in lane().model_dump(exclude_none=True)


@pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")
def test_numbers_of_changes_are_whole_buckets() -> None:
    key = EpochKey.fresh()
    statement = statement_of(key)
    elements = [number.to_bytes(32, "big") for number in range(48)]
    items = items_of(item_domain(statement), elements)
    outputs = native_core.native.oprf_evaluate(key.secret, b"".join(items))
    tags = native_core.native.oprf_tags(outputs, statement.tag_bits)
    tags = native_core.native.oprf_sort(tags, width_of(statement))
    facts = Facts(None, bytes(32), 48)
    base = segment_of(facts, statement, b"".join(items), outputs, coming=tags)
    made = Generation.based_on(statement, base)

    assert untagged(made, [*elements[:3], b"x" * 32, elements[4]]) == [3]

    def known(given: Sequence[bytes], state: Generation = made) -> Recalled:
        return Recalled(state, set_items(statement, given))

    assert receiver_terms(made, known(elements), 64).new == 64
    assert receiver_terms(made, known([bytes([9]) * 32, *elements]), 16).new == 32
    assert sender_terms(made, known(elements[:32]), 16) == GenerationTerms(
        number=1, hash=made.name.hash.hex(), added=16, removed=16
    )
    assert sender_terms(made, known(elements[:31]), 16) is None

    left = base.without(items[:16], statement, sends=True)
    assert left is not None
    assert (len(left.items), len(left.orphans), left.outputs.count) == (32 * 32, len(tags) // 3, 32)
    assert set(native_core.cut(left.items)) == set(items[16:])
    purged = Generation.based_on(statement, left)
    assert sender_terms(purged, known(elements[16:], purged), 16) == GenerationTerms(
        number=1, hash=made.name.hash.hex(), added=16, removed=16
    )
