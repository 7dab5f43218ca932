"""Signed texts: one type line, one line of canonical JSON, every expected signature."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from psi_core.errors import InvalidNote, InvalidSignature, InvalidText
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_core.log.signed_text import (
    Count,
    Hex16,
    Hex32,
    Instant,
    LabName,
    ShortText,
    SignedText,
    field_faults,
    text_type,
)

A = Signer.from_seed("lab-a.example", bytes([1]) * 32)
B = Signer.from_seed("lab-b.example", bytes([2]) * 32)


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    size: Count


class Example(SignedText):
    TYPE: ClassVar[str] = "psi-example/v1"
    lab: LabName
    lanes: tuple[Inner, ...]
    note: ShortText | None = None


VALUE = Example(lab="lab-a.example", lanes=(Inner(size=1), Inner(size=2)))
TEXT = 'psi-example/v1\n{"lab":"lab-a.example","lanes":[{"size":1},{"size":2}]}\n'


def test_text_and_hash() -> None:
    assert VALUE.text() == TEXT
    assert VALUE.hash() == hashlib.sha256(TEXT.encode()).digest()
    assert Example.from_text(TEXT) == VALUE


def test_hash_is_the_same_with_any_signatures() -> None:
    one, both = VALUE.signed(A), VALUE.signed(A, B)
    assert one != both
    assert Example.unverified(one).hash() == Example.unverified(both).hash() == VALUE.hash()


def test_open_wants_every_expected_signature() -> None:
    note = VALUE.signed(A, B)
    assert Example.open(note, A.verifier, B.verifier) == VALUE
    assert Example.open(note, B.verifier) == VALUE
    with pytest.raises(InvalidSignature, match=r"lacks the signature of lab-b\.example"):
        Example.open(VALUE.signed(A), A.verifier, B.verifier)
    with pytest.raises(InvalidSignature):
        Example.open(note)


def test_open_refuses_a_changed_text() -> None:
    changed = VALUE.signed(A).replace(b'"size":2', b'"size":3')
    with pytest.raises(InvalidSignature, match=r"lab-a\.example is wrong"):
        Example.open(changed, A.verifier)
    assert Example.unverified(changed).lanes[1].size == 3


def test_signing_needs_a_signer_of_the_right_type() -> None:
    with pytest.raises(InvalidNote):
        VALUE.signed()
    with pytest.raises(InvalidSignature):
        VALUE.signed(Signer.generate("lab-a.example", COSIGNATURE))


def test_text_type() -> None:
    assert text_type(VALUE.signed(A)) == "psi-example/v1"
    with pytest.raises(InvalidNote):
        text_type(TEXT.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "psi-example/v1",
        "psi-example/v1\n",
        "psi-example/v1\n\n",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "more\n",
        "\n" + TEXT,
        TEXT.replace("/v1", "/v2"),
        TEXT.replace("psi-example", "psi-record"),
        TEXT.replace(":", ": "),
        TEXT.replace('"lab":"lab-a.example",', "").replace("]}", '],"lab":"lab-a.example"}'),
        TEXT.replace("]}", '],"note":null}'),
        TEXT.replace("]}", '],"other":1}'),
        TEXT.replace("]}", '],"lab":"lab-a.example"}'),
        TEXT.replace('"size":1', '"size":1.0'),
        TEXT.replace('"size":1', '"size":"1"'),
        TEXT.replace('"size":1', '"size":true'),
        TEXT.replace('"size":1', '"size":-1'),
        TEXT.replace('"size":1', '"size":9007199254740992'),
        TEXT.replace('{"size":1}', '{"siz":1}'),
        TEXT.replace('"lab-a.example"', "null"),
        TEXT.replace("lab-a.example", "\\u006cab-a.example"),
        TEXT.replace("lab-a.example", "LAB-A.example"),
        "psi-example/v1\n[]\n",
        "psi-example/v1\n1\n",
    ],
)
def test_texts_that_differ_from_the_one_form(text: str) -> None:
    with pytest.raises(InvalidText):
        Example.from_text(text)


def test_an_oversized_text_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidText, match="at most 65536"):
        Example.from_text("psi-example/v1\n" + "[" * 70_000 + "\n")


def test_errors_name_known_fields_and_never_repeat_what_came_in() -> None:
    for text, words in [
        (TEXT.replace("lab-a.example", "Victim@mail.example"), "lab: "),
        (TEXT.replace("]}", '],"victim":1}'), "does not belong"),
        (TEXT.replace('{"size":1}', '{"victim":1}'), "lanes"),
    ]:
        with pytest.raises(InvalidText, match=words) as caught:
            Example.from_text(text)
        assert "ictim" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_field_faults_in_a_constructor() -> None:
    with pytest.raises(InvalidText, match=r"^psi-example/v1: lab: "), field_faults("psi-example/v1"):
        Example(lab="no", lanes=())


def test_a_signed_text_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        VALUE.lab = "lab-b.example"  # type: ignore[misc]  # the point of the test


def test_a_text_with_a_control_character_in_a_free_field_makes_no_note() -> None:
    class Free(SignedText):
        TYPE: ClassVar[str] = "psi-free/v1"
        words: str

    # JCS escapes a line feed, so it stays inside the one line; DEL is not escaped and no note may hold it.
    assert Free.unverified(Free(words="a\nb").signed(A)).words == "a\nb"
    with pytest.raises(InvalidNote):
        Free(words="a\x7fb").signed(A)


def test_a_checkpoint_is_not_a_signed_text() -> None:
    note = Note("lab-a.example\n1\nAAAA\n", (A.sign("lab-a.example\n1\nAAAA\n"),)).render()
    with pytest.raises(InvalidText, match="another type"):
        Example.open(note, A.verifier)


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (
            Hex16,
            ["0" * 32, "0123456789abcdef" * 2],
            ["0" * 31, "0" * 33, "A" * 32, "0" * 32 + "\n", "٠" * 32],
        ),
        (Hex32, ["f" * 64], ["f" * 63, "F" * 64, "g" * 64, ""]),
        (
            LabName,
            ["a.b", "lab-a.example", "x.y.z.example", "1.example", "a." + "b" * 63],
            [
                "ab",
                "a.b.",
                ".a.b",
                "a..b",
                "-a.b",
                "a-.b",
                "A.b",
                "a.1",
                "127.0.0.1",
                "a_b.c",
                "é.de",
                "a.b\n",
                "a." + "b" * 64,
                ".".join(["a" * 60] * 5),
                "a b.c",
            ],
        ),
        (Count, [0, 1, 2**53 - 1], [-1, 2**53, True, "1", 1.0, None]),
        (
            Instant,
            ["2026-11-24T00:00:00Z", "2024-02-29T23:59:59Z"],
            [
                "2026-11-31T00:00:00Z",
                "2026-02-29T00:00:00Z",
                "2026-11-24T24:00:00Z",
                "2026-11-24 00:00:00Z",
                "2026-11-24T00:00:00z",
                "2026-11-24T00:00:00",
                "2026-11-24T00:00:00.5Z",
                "2026-11-24T00:00:00+00:00",
                "٢026-11-24T00:00:00Z",
                "0000-11-24T00:00:00Z",
                "2026-11-24T00:00:60Z",
                "2026-11-24T00:00:00Z\n",
            ],
        ),
        (
            ShortText,
            ["a", "abuse sharing 2026", "é" * 200],
            ["", "a" * 201, "a\n", "a\x7f", "a\x85", "\u202eabc", "a\u200bb", "a\u2028b"],
        ),
    ],
)
def test_field_types(type_: Any, good: list[object], bad: list[object]) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(type_, config=ConfigDict(strict=True))
    for value in good:
        assert adapter.validate_python(value) == value
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)
