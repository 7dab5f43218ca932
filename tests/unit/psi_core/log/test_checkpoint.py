"""Checkpoints: one spelling, one key."""

from __future__ import annotations

import base64

import pytest

from psi_core.errors import InvalidCheckpoint, InvalidNote, InvalidSignature
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_core.log.tree import EMPTY_ROOT

ORIGIN = "lab-a.example/psi-log"
SIGNER = Signer.from_seed(ORIGIN, bytes([7]) * 32)
ROOT = bytes(range(32))
ENCODED = base64.b64encode(ROOT).decode()
TEXT = f"{ORIGIN}\n12\n{ENCODED}\n"


def test_text_round_trip() -> None:
    checkpoint = Checkpoint(ORIGIN, 12, ROOT)
    assert checkpoint.text() == TEXT
    assert Checkpoint.parse(TEXT) == checkpoint
    longer = Checkpoint(ORIGIN, 12, ROOT, ("one", "two words"))
    assert Checkpoint.parse(TEXT + "one\ntwo words\n") == longer
    assert Checkpoint.parse(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text()).size == 0
    assert Checkpoint.parse(Checkpoint(ORIGIN, 2**63 - 1, ROOT).text()).size == 2**63 - 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        ORIGIN,
        f"{ORIGIN}\n12\n",
        f"{ORIGIN}\n12\n{ENCODED}",
        f"{ORIGIN}\n+12\n{ENCODED}\n",
        f"{ORIGIN}\n012\n{ENCODED}\n",
        f"{ORIGIN}\n-1\n{ENCODED}\n",
        f"{ORIGIN}\n 12\n{ENCODED}\n",
        f"{ORIGIN}\n1_2\n{ENCODED}\n",
        f"{ORIGIN}\n1e1\n{ENCODED}\n",
        f"{ORIGIN}\n١٢\n{ENCODED}\n",
        f"{ORIGIN}\n\n{ENCODED}\n",
        f"{ORIGIN}\n{2**63}\n{ENCODED}\n",
        f"{ORIGIN}\n{'9' * 5000}\n{ENCODED}\n",
        f"{ORIGIN}\n0\n{ENCODED}\n",
        f"\n12\n{ENCODED}\n",
        f"lab a\n12\n{ENCODED}\n",
        f"{ORIGIN}\n12\n{ENCODED[:-1]}\n",
        f"{ORIGIN}\n12\n{ENCODED[:-4]}\n",
        f"{ORIGIN}\n12\n{ENCODED[:-2]}9=\n",  # stray bits behind the last byte
        f"{ORIGIN}\n12\n{ENCODED} \n",
        f"{ORIGIN}\n12\né{ENCODED}\n",
        f"{ORIGIN}\n12\n\n",
        TEXT + "\n",
        TEXT + "one\n\n",
        TEXT + "one",
        TEXT + "x\n" * 17,
    ],
)
def test_every_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(InvalidCheckpoint):
        Checkpoint.parse(text)


def test_sixteen_extension_lines_are_read() -> None:
    assert len(Checkpoint.parse(TEXT + "x\n" * 16).extensions) == 16


@pytest.mark.parametrize(
    ("size", "root", "extensions"),
    [
        (-1, ROOT, ()),
        (2**63, ROOT, ()),
        (1, ROOT[:31], ()),
        (1, ROOT, ("",)),
        (1, ROOT, ("a\nb",)),
        (0, ROOT, ()),
    ],
)
def test_checkpoints_that_cannot_be_made(size: int, root: bytes, extensions: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCheckpoint):
        Checkpoint(ORIGIN, size, root, extensions)


def test_signed_and_opened() -> None:
    checkpoint = Checkpoint(ORIGIN, 12, ROOT)
    note = checkpoint.signed(SIGNER)
    assert Checkpoint.open(note, SIGNER.verifier) == checkpoint
    with pytest.raises(InvalidSignature):
        Checkpoint.open(note.replace(b"\n12\n", b"\n13\n"), SIGNER.verifier)
    with pytest.raises(InvalidSignature):
        Checkpoint.open(note, Signer.generate(ORIGIN).verifier)
    with pytest.raises(InvalidNote):
        Checkpoint.open(TEXT.encode(), SIGNER.verifier)


def test_the_key_is_named_like_the_origin() -> None:
    other = Signer.generate("lab-b.example/psi-log")
    with pytest.raises(InvalidCheckpoint):
        Checkpoint(ORIGIN, 12, ROOT).signed(other)
    with pytest.raises(InvalidCheckpoint, match="another origin"):
        Checkpoint.open(Note(TEXT, (other.sign(TEXT),)).render(), other.verifier)


def test_cosignatures_beside_the_logs_own_are_ignored_until_they_are_asked_for() -> None:
    cosigner = Signer.generate("lab-b.example", COSIGNATURE)
    note = Note.parse(Checkpoint(ORIGIN, 12, ROOT).signed(SIGNER)).with_signature(cosigner.cosign(TEXT, 5))
    assert Checkpoint.open(note.render(), SIGNER.verifier).size == 12
    with pytest.raises(InvalidSignature):
        Checkpoint.open(Note(TEXT, (cosigner.cosign(TEXT, 5),)).render(), SIGNER.verifier)
