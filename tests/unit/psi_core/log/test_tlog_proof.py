"""Offline proofs (c2sp.org/tlog-proof): what is written is read, verified, and nothing else is."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi_core.errors import InvalidCheckpoint, InvalidProof, InvalidSignature, PsiError
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signer
from psi_core.log.proof import TlogProof

LOG = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))
ENTRIES = [b"entry %d" % number for number in range(13)]
NODES = {
    (level, position): tree.root_of(
        [tree.leaf_hash(each) for each in ENTRIES[position << level : (position + 1) << level]]
    )
    for level in range(4)
    for position in range(13 >> level)
}


def proof_of(index: int, size: int, extra: bytes | None = None) -> TlogProof:
    read = lambda level, position: NODES[level, position]  # noqa: E731 -- a reader over the table above
    note = Checkpoint(LOG.name, size, tree.root(size, read)).signed(LOG)
    return TlogProof(index, tuple(tree.inclusion_proof(index, size, read)), note, extra)


@given(st.integers(1, 13), st.data())
def test_every_entry_of_every_size_is_proven(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    extra = data.draw(st.none() | st.binary(max_size=40))
    proof = proof_of(index, size, extra)
    read = TlogProof.parse(proof.render())
    assert read == proof
    assert read.verify(ENTRIES[index], LOG.verifier).size == size
    for other in range(13):
        if other != index:
            with pytest.raises(InvalidProof):
                read.verify(ENTRIES[other], LOG.verifier)


def test_the_form_is_that_of_the_specification() -> None:
    proof = proof_of(0, 1, b"why")
    lines = proof.render().decode().split("\n")
    assert lines[:4] == ["c2sp.org/tlog-proof@v1", "extra d2h5", "index 0", ""]
    assert lines[4:6] == ["lab-a.example/psi-log", "1"]
    one = proof_of(1, 2).render().decode().split("\n")
    assert one[1:4] == ["index 1", base64.b64encode(tree.leaf_hash(ENTRIES[0])).decode(), ""]


@settings(max_examples=300)
@given(st.data())
def test_a_changed_byte_is_refused(data: st.DataObject) -> None:
    honest = proof_of(5, 13).render()
    at = data.draw(st.integers(0, len(honest) - 1))
    changed = honest[:at] + bytes([honest[at] ^ data.draw(st.integers(1, 255))]) + honest[at + 1 :]
    with pytest.raises(PsiError):
        TlogProof.parse(changed).verify(ENTRIES[5], LOG.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"index 5", b"index 05"),
        (b"index 5", b"index +5"),
        (b"index 5", b"index 9223372036854775808"),
        (b"index 5", b"extra d2h5"),
        (b"index 5\n", b""),
        (b"index 5\n", b"extra d2h5 \nindex 5\n"),
        (b"index 5\n", b"index 5\nAAAA\n"),
        (b"\n\n", b"\n"),
        (b"index 5\n", b"index 5\n" + b"A" * 43 + b"=\n"),
        (b"index 5\n", b"index 5\n" + (b"A" * 43 + b"=\n") * 65),
    ],
)
def test_other_forms(old: bytes, new: bytes) -> None:
    honest = proof_of(5, 13).render()
    with pytest.raises(InvalidProof):
        TlogProof.parse(honest.replace(old, new)).verify(ENTRIES[5], LOG.verifier)


def test_a_checkpoint_of_another_key_or_name() -> None:
    proof = proof_of(2, 7)
    with pytest.raises(InvalidSignature):
        proof.verify(ENTRIES[2], Signer.generate(LOG.name).verifier)
    other = Signer.generate("other.example")
    text = proof.checkpoint.partition(b"\n\n")[0].decode() + "\n"
    from psi_core.log.note import Note

    signed = replace(proof, checkpoint=Note(text, (other.sign(text),)).render())
    with pytest.raises(InvalidCheckpoint):
        signed.verify(ENTRIES[2], other.verifier)
