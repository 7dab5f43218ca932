"""Canonical JSON: the public RFC 8785 vectors, and everything that two parsers could read differently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rfc8785

from psi_core.errors import InvalidText
from psi_core.log import jcs

VECTORS = Path(__file__).parents[3] / "vectors"
SHARED = Path(__file__).parents[5] / "shared" / "vectors" / "jcs"
CASES = json.loads((VECTORS / "jcs.json").read_text())["cases"]

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/vectors/jcs is not there")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_transcribed_vectors(case: dict[str, str]) -> None:
    value = json.loads(case["input"])
    expected = case["output"].encode()
    assert jcs.encode(value) == expected
    assert jcs.decode(expected, limit=4096) == value


@needs_shared
def test_every_public_vector_is_encoded_to_its_bytes() -> None:
    names = sorted(path.stem for path in (SHARED / "input").iterdir())
    assert len(names) == 6
    for name in names:
        value = json.loads((SHARED / "input" / f"{name}.json").read_text())
        expected = bytes.fromhex((SHARED / "outhex" / f"{name}.txt").read_text())
        assert rfc8785.dumps(value) == expected == (SHARED / "output" / f"{name}.json").read_bytes()
        if name in {"values", "structures"}:  # they hold floats
            with pytest.raises(InvalidText, match="float has no place"):
                jcs.encode(value)
        else:
            assert jcs.encode(value) == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"a":1,"a":1}', "same key twice"),
        (b'{"a":{"b":1,"b":2}}', "same key twice"),
        (b"1.0", "not an integer"),
        (b"1e3", "not an integer"),
        (b"NaN", "not an integer"),
        (b"[-Infinity]", "not an integer"),
        (b"9007199254740992", "beyond 2\\^53"),
        (b"-9007199254740992", "beyond 2\\^53"),
        (b"1" * 5000, "beyond 2\\^53"),
        (b"-0", "canonical form"),
        (b"[1, 2]", "canonical form"),
        (b' "a"', "canonical form"),
        (b'"a"\n', "canonical form"),
        (b'{"b":1,"a":2}', "canonical form"),
        (b'"\\u0061"', "canonical form"),
        (b'"\\/"', "canonical form"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\ud800":1}', "lone surrogate"),
        (b'"\xff"', "not JSON"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"1 2", "not JSON"),
        (b"[" * 60_000, "more than 16 levels"),
        (b"[" * 17 + b"]" * 17, "more than 16 levels"),
    ],
)
def test_refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidText, match=words):
        jcs.decode(data, limit=64 * 1024)


def test_limits_are_exact() -> None:
    deepest = b"[" * 16 + b"]" * 16
    assert jcs.encode(jcs.decode(deepest, limit=32)) == deepest
    with pytest.raises(InvalidText, match="at most 31"):
        jcs.decode(deepest, limit=31)
    assert jcs.decode(b"[9007199254740991,-9007199254740991]", limit=99) == [2**53 - 1, -(2**53) + 1]


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), b"bytes", {1: 2}, {"a": {1, 2}}, 2**53, [object()], "\ud800"]
)
def test_values_without_a_canonical_form(value: object) -> None:
    with pytest.raises(InvalidText):
        jcs.encode(value)


def test_nothing_of_the_text_is_repeated_in_the_error() -> None:
    with pytest.raises(InvalidText) as caught:
        jcs.decode(b'{"secret-key":1,"secret-key":2}', limit=99)
    assert "secret" not in str(caught.value)
