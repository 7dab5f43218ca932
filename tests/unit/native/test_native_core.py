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
from psi_core.session.snapshot import freeze

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


@given(st.binary(min_size=32, max_size=32), hashes)
def test_items(ctx, fingerprints):
    where = domain(ctx, "ip+user_agent")
    assert cut(psi_native.items(where, b"".join(fingerprints))) == [
        item(where, each) for each in fingerprints
    ]


@given(hashes)
def test_sorted_and_distinct(elements):
    assert cut(psi_native.sort_unique(b"".join(elements))) == sorted(set(elements))


@given(
    st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16)), max_size=40)
)
def test_commitments(pairs):
    snapshot = freeze("email", [(element, salt, False) for element, salt in pairs], 64)
    order, root = psi_native.commit(b"".join(element + salt for element, salt in pairs))
    assert root == snapshot.root
    assert tuple(pairs[place][0] for place in array("I", order)) == snapshot.elements


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
        lambda: psi_native.items(b"", b"x" * 33),
        lambda: psi_native.fingerprints(b"k" * 32, "email", b"abc", array("I", [2]).tobytes()),
        lambda: psi_native.fingerprints(b"k" * 32, "email", b"abc", b"123"),
        lambda: psi_native.leaf_hashes(b"abc", array("I", [2, 1, 3]).tobytes()),
        lambda: psi_native.commit(b"x" * 47),
        lambda: psi_native.wrong_signatures(b"k" * 32, b"", b"", b""),
    ],
)
def test_buffers_of_wrong_length_are_refused_by_length_alone(call):
    with pytest.raises(ValueError, match=r"bytes|rows|keys"):
        call()


def test_the_empty_tree():
    assert psi_native.root(b"") == hashlib.sha256().digest()
