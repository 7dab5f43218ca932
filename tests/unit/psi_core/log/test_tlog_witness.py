"""add-checkpoint (c2sp.org/tlog-witness): requests and answers, and when a witness may cosign."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core.errors import (
    Conflict,
    InvalidCheckpoint,
    InvalidNote,
    InvalidProof,
    InvalidSignature,
    InvalidText,
    PsiError,
)
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_core.log.witness import (
    AddCheckpoint,
    check_advance,
    cosignature_lines,
    size_answer,
    size_of_answer,
    with_cosignatures,
)

LOG = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))
WITNESS = Signer.from_seed("witness.example", bytes([7]) * 32, COSIGNATURE)
LEAVES = [tree.leaf_hash(b"%d" % number) for number in range(40)]


def read(level: int, position: int) -> bytes:
    return tree.root_of(LEAVES[position << level : (position + 1) << level])


def checkpoint(size: int) -> Checkpoint:
    return Checkpoint(LOG.name, size, tree.root_of(LEAVES[:size]))


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_request_is_read_as_written_and_honest_ones_are_cosigned(old: int, new: int) -> None:
    proof = tuple(tree.consistency_proof(old, new, read)) if old <= new else ()
    request = AddCheckpoint(old, proof, checkpoint(new).signed(LOG))
    assert AddCheckpoint.parse(request.render()) == request
    latest = checkpoint(old) if old else None
    if old <= new:
        check_advance(latest, old, checkpoint(new), proof)
    else:
        with pytest.raises(InvalidText):
            check_advance(latest, old, checkpoint(new), proof)


def test_the_form_is_that_of_the_specification() -> None:
    body = AddCheckpoint(8, (b"\0" * 32,), checkpoint(9).signed(LOG)).render()
    lines = body.decode().split("\n")
    assert lines[:3] == ["old 8", "A" * 43 + "=", ""]
    assert lines[3:5] == ["lab-a.example/psi-log", "9"]


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"old",
        b"old ",
        b"old 01",
        b"old +1",
        b"old -1",
        b"old 9223372036854775808",
        b"old 99999999999999999999",
        b"Old 1",
        b"old 1\nAAAA",
        b"old 1\n" + b"A" * 44,
        b"old 1\n" + b"A" * 42 + b"B=",
        b"old 1" + (b"\n" + b"A" * 43 + b"=") * 64,
        b"old \xef\xbc\x91",
    ],
)
def test_malformed_requests(head: bytes) -> None:
    with pytest.raises(InvalidText):
        AddCheckpoint.parse(head + b"\n\n" + checkpoint(3).signed(LOG))


def test_oversized_request_and_missing_checkpoint() -> None:
    with pytest.raises(InvalidText):
        AddCheckpoint.parse(b"old 0\n\n" + b"x" * 80_000)
    with pytest.raises(InvalidText):
        AddCheckpoint.parse(b"old 0\n")


def test_a_stale_size_a_fork_and_a_bad_proof() -> None:
    good = tree.consistency_proof(8, 12, read)
    with pytest.raises(Conflict, match="cosigned 8 entries"):
        check_advance(checkpoint(8), 7, checkpoint(12), tree.consistency_proof(7, 12, read))
    with pytest.raises(Conflict, match="cosigned 0 entries"):
        check_advance(None, 8, checkpoint(12), good)
    with pytest.raises(InvalidCheckpoint, match="two different trees"):
        check_advance(checkpoint(8), 8, Checkpoint(LOG.name, 8, bytes(32)), [])
    with pytest.raises(InvalidProof):
        check_advance(checkpoint(8), 8, Checkpoint(LOG.name, 12, bytes(32)), good)
    with pytest.raises(InvalidProof):
        check_advance(None, 0, checkpoint(12), good)
    for at in range(len(good)):
        with pytest.raises(InvalidProof):
            check_advance(checkpoint(8), 8, checkpoint(12), good[:at] + good[at + 1 :])


def test_cosignatures_travel_as_lines() -> None:
    note = checkpoint(5).signed(LOG)
    text = Note.parse(note).text
    stranger = Signer.generate("stranger.example", COSIGNATURE)
    answer = cosignature_lines([stranger.cosign(text, 5), WITNESS.cosign(text, 6)])
    assert answer.startswith("— stranger.example ".encode())
    assert answer.count(b"\n") == 2
    merged = with_cosignatures(note, answer, WITNESS.verifier)
    assert [each.name for each in merged.signatures] == [LOG.name, WITNESS.name]
    assert merged.verified_by(LOG.verifier, WITNESS.verifier) == (LOG.verifier, WITNESS.verifier)


@pytest.mark.parametrize("answer", [b"", b"x", b"x\n", b"\n", "— a b\n".encode(), b"\xff\n", b"x" * 70_000])
def test_answers_that_are_none(answer: bytes) -> None:
    with pytest.raises(InvalidNote):
        with_cosignatures(checkpoint(5).signed(LOG), answer, WITNESS.verifier)


def test_an_answer_cannot_change_the_checkpoint_or_bring_a_wrong_cosignature() -> None:
    note = checkpoint(5).signed(LOG)
    other = Note.parse(checkpoint(6).signed(LOG)).text
    with pytest.raises(InvalidSignature):
        with_cosignatures(note, cosignature_lines([WITNESS.cosign(other, 6)]), WITNESS.verifier)
    for answer in (b"more text\n\n" + cosignature_lines([WITNESS.cosign(other, 6)]), b"line\n"):
        with pytest.raises(PsiError):
            with_cosignatures(note, answer, WITNESS.verifier)


@given(st.integers(0, 2**63 - 1))
def test_the_size_of_a_conflict(size: int) -> None:
    assert size_of_answer(size_answer(size)) == size


@pytest.mark.parametrize("body", [b"", b"1", b"01\n", b"-1\n", b"1\n\n", b"9223372036854775808\n", b"1" * 99])
def test_a_conflict_without_a_size(body: bytes) -> None:
    with pytest.raises(InvalidText):
        size_of_answer(body)
