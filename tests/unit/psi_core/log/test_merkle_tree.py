"""The Merkle tree: RFC 6962 known answers, the public proof vectors (most must fail), size 0."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psi_core.errors import InvalidProof
from psi_core.log import tree

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "merkle-proofs.json").read_text())
SHARED = Path(__file__).parents[5] / "shared" / "vectors" / "merkle"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/vectors/merkle is not there")


def unpacked(case: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(case[name] or "")


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(each) for each in case["proof"] or []]


def check_inclusion(case: dict[str, Any]) -> None:
    leaf, root = unpacked(case, "leafHash"), unpacked(case, "root")
    tree.verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof_of(case), root)


def check_consistency(case: dict[str, Any]) -> None:
    roots = unpacked(case, "root1"), unpacked(case, "root2")
    tree.verify_consistency(case["size1"], case["size2"], *roots, proof_of(case))


CHECKS = {"inclusion": check_inclusion, "consistency": check_consistency}


def cases(what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((SHARED / what).rglob("*.json")):
        yield str(path.relative_to(SHARED)), json.loads(path.read_text())


@pytest.mark.parametrize("what", ["inclusion", "consistency"])
def test_transcribed_proofs(what: str) -> None:
    outcomes = set()
    for case in VECTORS[what]:
        outcomes.add(case["wantErr"])
        if case["wantErr"]:
            with pytest.raises(InvalidProof):
                CHECKS[what](case)
        else:
            CHECKS[what](case)
    assert outcomes == {True, False}


@needs_shared
@pytest.mark.parametrize(("what", "accepted", "refused"), [("inclusion", 6, 92), ("consistency", 6, 92)])
def test_every_public_proof(what: str, accepted: int, refused: int) -> None:
    found = {True: 0, False: 0}
    for name, case in cases(what):
        found[case["wantErr"]] += 1
        try:
            CHECKS[what](case)
        except InvalidProof:
            assert case["wantErr"], f"{name} must verify"
        else:
            assert not case["wantErr"], f"{name} must fail"
    assert found == {False: accepted, True: refused}


def test_size_zero_follows_the_witness_not_the_go_library() -> None:
    """tlog-witness: old size 0 takes an empty proof; transparency-dev/merkle refuses it (SOURCES.md)."""
    root = tree.leaf_hash(b"")
    tree.verify_consistency(0, 1, tree.EMPTY_ROOT, root, [])
    tree.verify_consistency(0, 0, tree.EMPTY_ROOT, tree.EMPTY_ROOT, [])
    for arguments in [
        (0, 1, root, root, []),
        (0, 0, tree.EMPTY_ROOT, root, []),
        (0, 0, root, root, []),
        (0, 1, tree.EMPTY_ROOT, root, [root]),
        (0, 1, tree.EMPTY_ROOT, root[:31], []),
    ]:
        with pytest.raises(InvalidProof):
            tree.verify_consistency(*arguments)


def test_rfc6962_known_answers() -> None:
    # RFC 6962 section 2.1: MTH({}) and the domain separation of leaf and node.
    assert tree.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tree.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    left, right = hashlib.sha256(b"\0a").digest(), hashlib.sha256(b"\0b").digest()
    assert tree.node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert tree.root_of([]) == tree.EMPTY_ROOT
    assert tree.root_of([left]) == left
    assert tree.root_of([left, right, left]) == tree.node_hash(tree.node_hash(left, right), left)


def test_appended_names_each_completed_subtree() -> None:
    leaves = [tree.leaf_hash(bytes([number])) for number in range(4)]
    nodes: dict[tuple[int, int], bytes] = {}
    for size, leaf in enumerate(leaves):
        for level, position, value in tree.appended(size, leaf, lambda *at: nodes[at]):
            assert (level, position) not in nodes
            nodes[level, position] = value
    assert sorted(nodes) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (2, 0)]
    assert nodes[2, 0] == tree.root_of(leaves) == tree.root(4, lambda *at: nodes[at])


def test_appended_takes_a_hash_and_not_an_entry() -> None:
    with pytest.raises(InvalidProof, match="hash the entry"):
        tree.appended(0, b'{"kind":"key"}', lambda *_: b"")


def test_proofs_of_leaves_that_are_not_there() -> None:
    for index, size in [(0, 0), (1, 1), (-1, 1), (5, 3), (0, 2**63)]:
        with pytest.raises(InvalidProof):
            tree.inclusion_proof(index, size, lambda *_: b"")
        with pytest.raises(InvalidProof):
            tree.verify_inclusion(index, size, bytes(32), [], bytes(32))
    for old, new in [(1, 0), (-1, 1), (3, 2), (0, 2**63)]:
        with pytest.raises(InvalidProof):
            tree.consistency_proof(old, new, lambda *_: b"")
        with pytest.raises(InvalidProof):
            tree.verify_consistency(old, new, bytes(32), bytes(32), [])


def test_hostile_proofs_are_bounded() -> None:
    with pytest.raises(InvalidProof, match="more than 64"):
        tree.verify_inclusion(0, 2, bytes(32), [bytes(32)] * 65, bytes(32))
    with pytest.raises(InvalidProof, match="not 32 bytes"):
        tree.verify_consistency(1, 2, bytes(32), bytes(32), [bytes(31)])
    with pytest.raises(InvalidProof, match="too long"):
        tree.verify_inclusion(0, 2, bytes(32), [bytes(32)] * 64, bytes(32))
    with pytest.raises(InvalidProof, match="too long"):
        tree.verify_consistency(1, 2, bytes(32), bytes(32), [bytes(32)] * 64)
    with pytest.raises(InvalidProof, match="empty"):
        tree.verify_consistency(3, 5, bytes(32), bytes(32), [])


def test_the_largest_tree_is_proven_with_few_reads() -> None:
    reads = []

    def read(level: int, position: int) -> bytes:
        reads.append((level, position))
        return bytes(32)

    size = 2**63 - 1
    proof = tree.inclusion_proof(2**62, size, read)
    assert len(proof) <= 63
    assert len(reads) <= 2 * 63
    tree.verify_inclusion(2**62, size, bytes(32), proof, _all_zero_root(proof))


def _all_zero_root(proof: list[bytes]) -> bytes:
    """Recompute the root for leaf 2^62 of 2^63 - 1 by hand: 61 siblings on its right, one on its left."""
    value = bytes(32)
    for sibling in proof[:-1]:
        value = tree.node_hash(value, sibling)
    return tree.node_hash(proof[-1], value)
