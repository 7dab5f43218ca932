"""Items, canaries, dummies, snapshots, claims and transcripts, against values computed by hand."""

import hashlib
import hmac

import pytest

from psi_core.errors import CanaryFault, EngineFault, ProtocolFault
from psi_core.log.tree import leaf_hash, root_of
from psi_core.session import items
from psi_core.session.results import check_claims, claim, commitment
from psi_core.session.roles import first_signer, receivers, runs
from psi_core.session.snapshot import Members, freeze
from psi_core.session.transcript import Transcript

CTX = bytes(range(32))


def prefixed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def test_an_item_is_the_hash_of_label_domain_and_fingerprint_each_with_its_length():
    domain = prefixed(CTX, b"email")
    fingerprint = b"\x09" * 32
    assert items.domain(CTX, "email") == domain
    assert (
        items.item(domain, fingerprint)
        == hashlib.sha256(prefixed(b"psi-item/v1", domain, fingerprint)).digest()
    )


def test_a_dummy_is_the_hash_of_its_salt():
    assert items.dummy(b"s" * 16) == hashlib.sha256(prefixed(b"psi-dummy/v1", b"s" * 16)).digest()


@pytest.mark.parametrize(
    ("elements", "bucket", "size"), [(0, 64, 64), (48, 64, 64), (49, 64, 128), (5000, 1024, 5120)]
)
def test_a_padded_size_is_whole_buckets_with_room_for_sixteen_canaries(elements, bucket, size):
    assert items.padded_size(elements, bucket) == size


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block of 32 bytes, with the standard library alone."""
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def test_shared_canaries_follow_from_both_nonces_ctx_lane_and_index():
    key, n1, n2 = b"k" * 32, b"1" * 32, b"2" * 32
    found = items.shared_canaries(key, n1, n2, CTX, 3)
    assert len(set(found)) == 8
    info = prefixed(b"psi-canary/v1", (3).to_bytes(4, "big"), (5).to_bytes(4, "big"))
    value = hkdf(n1 + n2, CTX, info).hex().encode()
    assert found[5] == hmac.digest(key, prefixed(b"psi-fingerprint/v1", b"canary", value), "sha256")
    assert not set(found) & set(items.shared_canaries(key, n1, n2, CTX, 4))


def lane(elements=4):
    own = [bytes([n]) * 32 for n in range(elements)]
    shared = [bytes([100 + n]) * 32 for n in range(8)]
    private = [bytes([200 + n]) * 32 for n in range(8)]
    return items.fill(b"domain", own, shared, private)


def test_canaries_are_taken_out_of_results():
    filled = lane()
    assert len(filled.items) == 20
    assert items.matched_elements(filled.places, [0, 2, *filled.places.shared], "email") == [0, 2]


@pytest.mark.parametrize("wrong", ["missing", "private"])
def test_wrong_canaries_fail_loudly(wrong):
    places = lane().places
    positions = [*places.shared][1:] if wrong == "missing" else [*places.shared, places.private[0]]
    with pytest.raises(CanaryFault, match="consortium key"):
        items.matched_elements(places, positions, "email")


def test_a_count_below_the_shared_canaries_fails_loudly():
    assert items.matched_count(8, "email") == 0
    with pytest.raises(CanaryFault):
        items.matched_count(7, "email")


def test_a_snapshot_refuses_equal_elements():
    with pytest.raises(EngineFault):
        freeze("email", Members.of([(b"x" * 32, b"1" * 16, False), (b"x" * 32, b"2" * 16, False)]), 64)


def test_a_snapshot_commits_to_salted_leaves_in_leaf_order():
    members = [(b"f" * 32, b"1" * 16, False), (b"g" * 32, b"2" * 16, False), (b"d" * 32, b"3" * 16, True)]
    snapshot = freeze("email", Members.of(members), 64)
    leaves = sorted(leaf_hash(salt + element) for element, salt, _ in members)
    assert snapshot.root == root_of(leaves)
    true = [element for place, element in enumerate(snapshot.elements) if not snapshot.is_dummy(place)]
    assert sorted(true) == [b"f" * 32, b"g" * 32]
    again = freeze("email", Members.of(members[::-1]), 64)
    assert (again.root, list(again.elements)) == (snapshot.root, list(snapshot.elements))
    assert b"f".hex() * 4 not in repr(snapshot)


def test_transcripts_bind_length_lane_run_and_order():
    def value(*frames):
        transcript = Transcript()
        for frame in frames:
            transcript.add(*frame)
        return transcript.value()

    one = value((1, 0, b"ab"))
    assert one == hashlib.sha256(b"\0\0\0\2" + b"\0\0\0\1" + b"\0" + b"ab").digest()
    others = [value((1, 1, b"ab")), value((0, 0, b"ab")), value((1, 0, b"a"), (1, 0, b"b")), value()]
    assert len({one, *others}) == 5


def test_claims_are_counts_where_both_learn_and_commitments_else():
    assert claim(412, both_learn=True, salt=b"s" * 16) == "412"
    hidden = claim(412, both_learn=False, salt=b"s" * 16)
    assert (
        hidden
        == commitment(412, b"s" * 16)
        == hashlib.sha256(b"s" * 16 + (412).to_bytes(8, "big")).hexdigest()
    )
    check_claims(("412",), (500,), both_learn=True)
    check_claims((hidden,), (500,), both_learn=False)


@pytest.mark.parametrize(
    ("claims", "both"),
    [
        (("501",), True),
        (("4", "5"), True),
        (("ab" * 32,), True),
        (("4",), False),
        (("-1",), True),
        (("01",), True),
    ],
)
def test_claims_of_the_wrong_form_or_size_are_a_fault(claims, both):
    with pytest.raises(ProtocolFault):
        check_claims(claims, (500,), both_learn=both)


def test_direction_decides_runs_receivers_and_the_first_signer():
    assert runs("both") == (0, 1)
    assert receivers("responder") == ("responder",)
    assert [first_signer(each) for each in ("initiator", "responder", "both")] == [
        "initiator",
        "responder",
        "initiator",
    ]


def test_an_engine_may_take_the_first_bytes_of_each_item() -> None:
    own, canaries = [bytes([n]) * 32 for n in range(4)], [b"c" * 32]
    whole = items.fill(b"domain", own, canaries, [])
    short = items.fill(b"domain", own, canaries, [], width=16)
    assert short.items.width == 16
    assert list(short.items) == [each[:16] for each in whole.items]
    assert short.places == whole.places
