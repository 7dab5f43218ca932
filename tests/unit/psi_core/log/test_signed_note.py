"""Signed notes: the public examples, and every malformed byte string that the format names."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from psi_core.errors import InvalidNote, InvalidSignature
from psi_core.log import cosignature
from psi_core.log.key import COSIGNATURE, Signer, Verifier
from psi_core.log.note import MAX_NOTE, MAX_SIGNATURES, Note, Signature

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "signed-note.json").read_text())
A = Signer.from_seed("lab-a.example", bytes([1]) * 32)
B = Signer.from_seed("lab-b.example", bytes([2]) * 32)
TEXT = "first line\n\nthird line\n"
NOTE = Note(TEXT, (A.sign(TEXT), B.sign(TEXT)))


def test_public_example_verifies_and_renders_to_its_bytes() -> None:
    data = VECTORS["note"].encode()
    verifier = Verifier.parse(VECTORS["verifier"])
    note = Note.parse(data)
    assert note.verified_by(verifier) == (verifier,)
    assert note.render() == data
    changed = Note(note.text.replace("problem", "question"), note.signatures)
    with pytest.raises(InvalidSignature, match="PeterNeumann is wrong"):
        changed.verified_by(verifier)


def test_public_cosigned_checkpoint_parses() -> None:
    note = Note.parse(VECTORS["cosigned"].encode())
    assert note.render() == VECTORS["cosigned"].encode()
    assert [each.name for each in note.signatures] == [
        "example.com/behind-the-sofa",
        "witness.example.com/w1",
    ]
    assert cosignature.split(note.signatures[1].value)[0] == VECTORS["cosigned_at"]


def test_the_last_empty_line_separates() -> None:
    parsed = Note.parse(NOTE.render())
    assert parsed == NOTE
    assert parsed.text == TEXT


def test_unknown_keys_are_ignored_and_known_ones_are_returned_in_the_order_asked() -> None:
    stranger = Signer.generate("stranger.example").verifier
    assert NOTE.verified_by(B.verifier, stranger, A.verifier) == (B.verifier, A.verifier)
    assert NOTE.verified_by(A.verifier) == (A.verifier,)


def test_no_known_key() -> None:
    with pytest.raises(InvalidSignature, match="not signed by any"):
        NOTE.verified_by(Signer.generate("lab-a.example").verifier)
    with pytest.raises(InvalidSignature, match="not signed by any"):
        NOTE.verified_by()


def test_one_bad_signature_of_a_known_key_rejects_the_note() -> None:
    bad = Signature(B.name, B.verifier.key_id, bytes(64))
    for signatures in [(A.sign(TEXT), bad), (bad, A.sign(TEXT)), (B.sign(TEXT), bad)]:
        with pytest.raises(InvalidSignature):
            Note(TEXT, signatures).verified_by(A.verifier, B.verifier)
    # Without B among the known keys its line says nothing.
    assert Note(TEXT, (A.sign(TEXT), bad)).verified_by(A.verifier) == (A.verifier,)


def test_the_same_key_twice_counts_once() -> None:
    note = Note(TEXT, (A.sign(TEXT), A.sign(TEXT)))
    assert note.verified_by(A.verifier, A.verifier) == (A.verifier,)


def test_a_name_alone_selects_no_key() -> None:
    renamed = Signature("lab-b.example", A.verifier.key_id, A.sign(TEXT).value)
    with pytest.raises(InvalidSignature, match="not signed by any"):
        Note(TEXT, (renamed,)).verified_by(A.verifier, B.verifier)


def test_two_keys_with_one_name_and_id_are_ambiguous() -> None:
    twin = Signer.generate("lab-a.example").verifier
    object.__setattr__(twin, "key_id", A.verifier.key_id)
    with pytest.raises(InvalidSignature, match="same id"):
        NOTE.verified_by(A.verifier, twin)


def test_with_signature_adds_once() -> None:
    half = Note(TEXT, (A.sign(TEXT),))
    assert half.with_signature(B.sign(TEXT)) == NOTE
    assert NOTE.with_signature(B.sign(TEXT)) == NOTE


def test_cosignature_line_in_a_note() -> None:
    cosigner = Signer.generate("lab-b.example", COSIGNATURE)
    note = Note.parse(Note(TEXT, (A.sign(TEXT), cosigner.cosign(TEXT, 99))).render())
    assert note.verified_by(A.verifier, cosigner.verifier) == (A.verifier, cosigner.verifier)


def test_sixteen_signatures_are_read_and_seventeen_refused() -> None:
    signers = [Signer.generate(f"lab-{number}.example") for number in range(MAX_SIGNATURES)]
    note = Note(TEXT, tuple(signer.sign(TEXT) for signer in signers))
    data = note.render()
    assert Note.parse(data).verified_by(*(each.verifier for each in signers)) == tuple(
        each.verifier for each in signers
    )
    line = data[data.rindex("—".encode()) :]
    with pytest.raises(InvalidNote, match="more than 16"):
        Note.parse(data + line)
    with pytest.raises(InvalidNote, match="more than 16"):
        note.with_signature(A.sign(TEXT))


LINE = f"— {A.name} {base64.b64encode(A.verifier.key_id + A.sign(TEXT).value).decode()}\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        ("text\n" + LINE).encode(),
        (LINE).encode(),
        ("\n\n" + LINE[:-1]).encode(),
        ("text\n\n" + LINE[:-1]).encode(),
        ("text\n\n" + LINE + "\n").encode(),
        ("text\r\n\n" + LINE).encode(),
        ("te\txt\n\n" + LINE).encode(),
        ("te\x00xt\n\n" + LINE).encode(),
        b"te\xffxt\n\n" + LINE.encode(),
        ("text\n\n" + LINE.replace("—", "-")).encode(),
        ("text\n\n" + LINE.replace("— ", "—")).encode(),
        ("text\n\n" + LINE.replace("— ", "—  ")).encode(),
        ("text\n\n" + LINE.replace("lab-a", "lab+a")).encode(),
        ("text\n\n" + LINE.replace("lab-a", "lab\u00a0a")).encode(),
        ("text\n\n" + LINE.replace("lab-a.example ", " ")).encode(),
        ("text\n\n" + LINE.replace("\n", " \n")).encode(),
        ("text\n\n" + LINE.replace("=\n", "\n")).encode(),
        ("text\n\n" + LINE.replace("\n", "=\n")).encode(),
        ("text\n\n" + LINE[:-1] + LINE).encode(),
        "text\n\n— a AAAA\n".encode(),
        "text\n\n— a AAAAAA==\n".encode(),
        "text\n\n— a AAAAAAB=\n".encode(),
        "text\n\n— a AAAA_AA=\n".encode(),
        "text\n\n— a AAAAé\n".encode(),
        "text\n\n— a\n".encode(),
        ("x" * MAX_NOTE + "\n\n" + LINE).encode(),
    ],
)
def test_malformed_notes(data: bytes) -> None:
    with pytest.raises(InvalidNote):
        Note.parse(data)


def test_size_limit_is_exact() -> None:
    text = "x" * (MAX_NOTE - len(("\n\n" + LINE).encode())) + "\n"
    note = Note(text, NOTE.signatures[:1])
    assert len(note.render()) == MAX_NOTE
    assert Note.parse(note.render()) == note
    with pytest.raises(InvalidNote, match="65537 bytes"):
        Note("x" + text, NOTE.signatures[:1]).render()


@pytest.mark.parametrize("text", ["", "no line feed", "tab\there\n", "\x7f\n", "carriage\r\n"])
def test_text_that_no_note_can_have(text: str) -> None:
    with pytest.raises(InvalidNote):
        Note(text)


def test_a_note_without_signature_has_no_bytes() -> None:
    with pytest.raises(InvalidNote, match="without a signature"):
        Note(TEXT).render()
