"""The native core against the readable Python reference: the same bytes, whatever goes in."""

import hashlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core import native_core
from psi_core.kinds.fingerprint import fingerprint
from psi_core.log.key import Signer
from psi_core.log.tree import leaf_hash, root_of
from psi_core.session.items import domain, item
from psi_core.session.snapshot import Members, freeze

psi_native = pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")


@pytest.fixture(autouse=True, scope="module")
def python_reference():
    """Nothing here may be compared with itself: psi_core does without the native core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_core, "native", None)
        yield


hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=40)


def packed(rows: list[bytes]) -> tuple[bytes, bytes]:
    ends, at = array("I"), 0
    for row in rows:
        at += len(row)
        ends.append(at)
    return b"".join(rows), ends.tobytes()


def cut(data: bytes) -> list[bytes]:
    return [data[at : at + 32] for at in range(0, len(data), 32)]


@given(st.binary(min_size=32, max_size=32), st.lists(st.text(max_size=40), max_size=40))
def test_fingerprints(key, values):
    found = psi_native.fingerprints(key, "email", *packed([value.encode() for value in values]))
    assert cut(found) == [fingerprint(key, "email", value) for value in values]


@given(st.binary(min_size=32, max_size=32), hashes, st.integers(1, 32))
def test_items(ctx, fingerprints, width):
    where = domain(ctx, "ip+user_agent")
    found = psi_native.items(where, memoryview(b"".join(fingerprints)), b"".join(fingerprints[:2]), width)
    assert found == b"".join(item(where, each)[:width] for each in [*fingerprints, *fingerprints[:2]])


@given(hashes)
def test_sorted_and_distinct(elements):
    assert cut(psi_native.sort_unique(b"".join(elements))) == sorted(set(elements))


@given(
    st.lists(
        st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16)),
        max_size=40,
        unique_by=lambda pair: pair[0],
    )
)
def test_commitments(pairs):
    pairs.sort()
    snapshot = freeze("email", Members.of((element, salt, False) for element, salt in pairs), 64)
    order, root = psi_native.commit(*map(b"".join, zip(*pairs, strict=True)) if pairs else (b"", b""))
    assert root == snapshot.root
    assert [pairs[place][0] for place in array("I", order)] == list(snapshot.elements)


def test_a_large_commitment_is_the_root_of_its_sorted_leaves():
    elements = [n.to_bytes(32, "big") for n in range(10_000)]
    leaves = sorted(leaf_hash(bytes(16) + element) for element in elements)
    assert psi_native.commit(b"".join(elements), bytes(160_000))[1] == root_of(leaves)


def test_a_buffer_that_can_be_written_to_is_refused():
    with pytest.raises(ValueError, match="read-only"):
        psi_native.gather(bytearray(32), 32, b"")


def test_a_buffer_to_be_sorted_must_be_writable():
    with pytest.raises(ValueError, match="writable"):
        psi_native.group(bytes(40))


def test_a_place_past_the_end_is_refused():
    with pytest.raises(ValueError, match="past the last row"):
        psi_native.gather(bytes(32), 32, bytes([1, 0, 0, 0]))


@given(st.lists(st.binary(max_size=100), max_size=70))
def test_trees(rows):
    leaves = psi_native.leaf_hashes(*packed(rows))
    assert cut(leaves) == [leaf_hash(row) for row in rows]
    assert psi_native.root(leaves) == root_of(cut(leaves))
    sizes = [len(level) // 32 for level in psi_native.levels(leaves)]
    assert sizes == [len(rows) >> level for level in range(1, len(rows).bit_length())]


def test_signatures_that_do_not_verify_are_named_by_position():
    signer = Signer.generate("lab-a.example")
    texts = [f"text {number}\n" for number in range(20)]
    signatures = [signer.sign(text).value for text in texts]
    signatures[7] = signatures[8]
    signatures[19] = bytes(64)
    keys = signer.verifier.public_key * 20
    found = psi_native.wrong_signatures(
        keys, *packed([text.encode() for text in texts]), b"".join(signatures)
    )
    assert list(array("I", found)) == [7, 19]


@pytest.mark.parametrize(
    "call",
    [
        lambda: psi_native.items(b"", b"x" * 33, b"", 32),
        lambda: psi_native.items(b"", b"", b"x" * 33, 32),
        lambda: psi_native.items(b"", b"x" * 32, b"", 0),
        lambda: psi_native.items(b"", b"x" * 32, b"", 33),
        lambda: psi_native.fingerprints(b"k" * 32, "email", b"abc", array("I", [2]).tobytes()),
        lambda: psi_native.fingerprints(b"k" * 32, "email", b"abc", b"123"),
        lambda: psi_native.leaf_hashes(b"abc", array("I", [2, 1, 3]).tobytes()),
        lambda: psi_native.commit(b"x" * 31, b""),
        lambda: psi_native.commit(b"x" * 32, b"x" * 15),
        lambda: psi_native.commit(b"x" * 32, b"x" * 32),
        lambda: psi_native.group(bytearray(b"x" * 41)),
        lambda: psi_native.pairs(b"x" * 31, "1"),
        lambda: psi_native.pairs(b"x" * 32, ""),
        lambda: psi_native.pairs(b"x" * 32, "1 2"),
        lambda: psi_native.pairs(b"x" * 32, "-1"),
        lambda: psi_native.find(b"x" * 32, b"x" * 31),
        lambda: psi_native.gather(b"x" * 32, 32, b"123"),
        lambda: psi_native.wrong_signatures(b"k" * 32, b"", b"", b""),
    ],
)
def test_buffers_of_wrong_length_are_refused_by_length_alone(call):
    with pytest.raises(ValueError, match=r"bytes|rows|keys|salts|numbers"):
        call()


def test_the_empty_tree():
    assert psi_native.root(b"") == hashlib.sha256().digest()
