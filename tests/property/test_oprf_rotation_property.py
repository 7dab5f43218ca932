"""A sender's set, frozen again after any changes, adds and removes whole buckets of tags."""

from __future__ import annotations

import secrets

from hypothesis import given
from hypothesis import strategies as st

from psi_core.session.items import CANARY_PLACES, dummy, padded_size
from psi_service.sessions.freezing import Room, _rotated

NUMBERS = st.sets(st.integers(0, 500), max_size=120)


def _element(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _new_dummy() -> tuple[bytes, bytes]:
    salt = secrets.token_bytes(16)
    return dummy(salt), salt


@given(before=NUMBERS, after=st.lists(NUMBERS, min_size=1, max_size=4), bucket=st.sampled_from([16, 64, 100]))
def test_what_stays_is_whole_buckets_whatever_changed(before, after, bucket):
    owned = [_element(number) for number in before]
    size = padded_size(len(owned) + bucket, bucket)
    dummies = [_new_dummy() for _ in range(size - CANARY_PLACES - len(owned))]
    tagged = {*owned, *(element for element, _ in dummies)}
    known = dummies
    for numbers in after:  # each as after a session that broke: the generation stays the same
        owned = [_element(number) for number in numbers]
        size = padded_size(len(owned) + bucket, bucket)
        wanted = size - CANARY_PLACES - len(owned)
        room = Room(
            bucket, 10_000, lambda elements: [at for at, each in enumerate(elements) if each not in tagged]
        )
        kept, spare = _rotated(owned, known, room, wanted, keeps_spare=True)
        stays = sum(each in tagged for each in owned) + len(kept)
        assert stays % bucket == 0
        assert size - stays > 0
        assert len(kept) <= wanted
        assert {each for each in known if each[0] in tagged} == {*kept, *spare}
        known = [*kept, *spare, *(_new_dummy() for _ in range(wanted - len(kept)))]
