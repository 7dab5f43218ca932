"""What has a native form gives the same with the native core and without it."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core import native_core
from psi_core.errors import InputError
from psi_core.kinds.fingerprint import fingerprint, fingerprints
from psi_core.log.key import COSIGNATURE, Signer, wrong_signatures
from psi_core.log.tree import EMPTY_ROOT, leaf_hash, leaf_hashes, node_hash, root_of, subtrees
from psi_core.session.items import domain, item, items_of
from psi_core.session.snapshot import Members, freeze

KEY = bytes(range(32))
WHERE = domain(bytes(32), "email")
ELEMENT = st.binary(min_size=32, max_size=32)
MEMBER = st.tuples(ELEMENT, st.binary(min_size=16, max_size=16), st.booleans())


@pytest.fixture(params=["native", "python"], autouse=True, scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "native" and not native_core.available():
        pytest.skip("psi_native is built by `make` where a Rust toolchain is found")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "python":
            patch.setattr(native_core, "native", None)
        yield request.param


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_fingerprints(values: list[str]) -> None:
    assert fingerprints(KEY, "email", values) == [fingerprint(KEY, "email", value) for value in values]


def test_fingerprints_want_a_whole_key() -> None:
    with pytest.raises(InputError, match="32 bytes"):
        fingerprints(KEY[1:], "email", ["a@example.com"])


@given(st.lists(ELEMENT))
def test_items(elements: list[bytes]) -> None:
    assert list(items_of(WHERE, elements, elements[:3])) == [
        item(WHERE, each) for each in [*elements, *elements[:3]]
    ]


@given(st.lists(st.binary()))
def test_leaf_hashes(rows: list[bytes]) -> None:
    assert leaf_hashes(rows) == b"".join(leaf_hash(row) for row in rows)


@pytest.mark.parametrize("size", range(20))
def test_roots(size: int) -> None:
    def definition(leaves: list[bytes]) -> bytes:
        if len(leaves) < 2:
            return leaves[0] if leaves else EMPTY_ROOT
        split = 1 << ((len(leaves) - 1).bit_length() - 1)
        return node_hash(definition(leaves[:split]), definition(leaves[split:]))

    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    assert root_of(leaves) == definition(leaves)


@pytest.mark.parametrize("size", range(20))
def test_subtrees(size: int) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    found = subtrees(b"".join(leaves))
    assert found[0] == b"".join(leaves)
    assert len(found) == max(size.bit_length(), 1)
    for level, hashes in enumerate(found):
        whole = [leaves[at : at + (1 << level)] for at in range(0, (size >> level) << level, 1 << level)]
        assert hashes == b"".join(root_of(each) for each in whole)


@given(st.lists(MEMBER, unique_by=lambda member: member[0]))
def test_snapshots(members: list[tuple[bytes, bytes, bool]]) -> None:
    snapshot = freeze("email", Members.of(members), 64)
    expected = sorted((leaf_hash(salt + element), element, dummy) for element, salt, dummy in members)
    assert list(snapshot.elements) == [element for _, element, _ in expected]
    assert [snapshot.is_dummy(place) for place in range(len(expected))] == [dummy for _, _, dummy in expected]
    assert snapshot.root == root_of([leaf for leaf, _, _ in expected])


def test_wrong_signatures_are_named_by_place() -> None:
    signer = Signer.from_seed("lab-a.example", KEY)
    cosigner = Signer.from_seed("lab-a.example", KEY, COSIGNATURE)
    right = (signer.verifier, b"text\n", signer.sign("text\n").value)
    cosigned = (cosigner.verifier, b"text\n", cosigner.cosign("text\n", 7).value)
    checks = [
        right,
        (signer.verifier, b"other\n", right[2]),
        cosigned,
        (cosigner.verifier, b"other\n", cosigned[2]),
        (signer.verifier, b"text\n", right[2][:-1]),
        (signer.verifier, b"text\n", bytes(64)),
        (cosigner.verifier, b"text\n", right[2]),
        right,
    ]
    assert wrong_signatures(checks) == [1, 3, 4, 5, 6]
    assert wrong_signatures([right, cosigned]) == []
    assert wrong_signatures([]) == []


def test_psi_core_loads_without_the_native_core(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "psi_native":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "psi_core.native_core")
    monkeypatch.delitem(sys.modules, "psi_native", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    assert not importlib.import_module("psi_core.native_core").available()
