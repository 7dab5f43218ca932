"""Properties of the log: every tree up to 100 leaves, every one-byte change, every round trip."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from psi_core.errors import InvalidNote, InvalidProof, InvalidText, PsiError, VerificationError
from psi_core.log import jcs, tiles, tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer, Verifier
from psi_core.log.note import Note, Signature
from psi_core.log.signed_text import Count, ShortText, SignedText

LARGEST = 100
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
SIGNER = Signer.from_seed("lab-a.example", bytes([1]) * 32)


def build(size: int) -> tuple[list[bytes], dict[tuple[int, int], bytes]]:
    leaves = [tree.leaf_hash(b"entry %d" % number) for number in range(size)]
    nodes: dict[tuple[int, int], bytes] = {}
    for at, leaf in enumerate(leaves):
        for level, position, value in tree.appended(at, leaf, lambda *where: nodes[where]):
            nodes[level, position] = value
    return leaves, nodes


LEAVES, NODES = build(LARGEST)
OTHER_LEAVES = [*LEAVES[1:], tree.EMPTY_ROOT]
ROOTS = [tree.root_of(LEAVES[:size]) for size in range(LARGEST + 1)]


def read(level: int, position: int) -> bytes:
    return NODES[level, position]


def rfc6962_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = max(1 << exponent for exponent in range(7) if 1 << exponent < len(leaves))
    return tree.node_hash(rfc6962_root(leaves[:split]), rfc6962_root(leaves[split:]))


def flip(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


def test_roots_are_those_of_the_definition() -> None:
    for size in range(1, LARGEST + 1):
        assert ROOTS[size] == tree.root(size, read) == rfc6962_root(LEAVES[:size])


def test_every_inclusion_proof_verifies_for_its_leaf_alone() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = tree.inclusion_proof(index, size, read)
            tree.verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size])
            with pytest.raises(InvalidProof):
                tree.verify_inclusion(index, size, OTHER_LEAVES[index], proof, ROOTS[size])


def test_every_consistency_proof_verifies_for_its_roots_alone() -> None:
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            proof = tree.consistency_proof(old, new, read)
            tree.verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)
            if 0 < old < new:
                with pytest.raises(InvalidProof):
                    tree.verify_consistency(old, new, ROOTS[old - 1], ROOTS[new], proof)
                with pytest.raises(InvalidProof):
                    tree.verify_consistency(old, new, ROOTS[old], ROOTS[new - 1], proof)


@given(st.data())
def test_any_one_bit_change_breaks_an_inclusion_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size, read)
    parts = [LEAVES[index], ROOTS[size], *proof]
    at = data.draw(st.integers(0, len(parts) - 1))
    parts[at] = flip(parts[at], data.draw(st.integers(0, 31)), data.draw(st.integers(0, 7)))
    with pytest.raises(InvalidProof):
        tree.verify_inclusion(index, size, parts[0], parts[2:], parts[1])


@given(st.data())
def test_any_one_bit_change_breaks_a_consistency_proof(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, LARGEST))
    old = data.draw(st.integers(1, new - 1))
    parts = [ROOTS[old], ROOTS[new], *tree.consistency_proof(old, new, read)]
    at = data.draw(st.integers(0, len(parts) - 1))
    parts[at] = flip(parts[at], data.draw(st.integers(0, 31)), data.draw(st.integers(0, 7)))
    with pytest.raises(InvalidProof):
        tree.verify_consistency(old, new, parts[0], parts[1], parts[2:])


@given(st.data())
def test_an_inclusion_proof_of_any_other_length_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size, read)
    for wrong in (proof[:-1], proof[1:], [*proof, ROOTS[0]], [ROOTS[size], *proof]):
        with pytest.raises(InvalidProof):
            tree.verify_inclusion(index, size, LEAVES[index], wrong, ROOTS[size])


@given(
    st.integers(-1, 130),
    st.integers(-1, 130),
    st.lists(st.sampled_from([*ROOTS[:20], *LEAVES[:20], b"short"]), max_size=9),
)
def test_random_proofs_raise_nothing_but_invalid_proof(first: int, second: int, proof: list[bytes]) -> None:
    with pytest.raises(InvalidProof):
        tree.verify_inclusion(first, second, bytes(32), proof, bytes(32))
    with pytest.raises(InvalidProof):
        tree.verify_consistency(first, second, bytes(32), b"\1" * 32, proof)


CONTROL = [chr(code) for code in (*range(10), *range(11, 32), 127)]
well_formed = st.characters(exclude_categories=["Cs"])
name_characters = st.characters(categories=["L", "N", "P", "S"], exclude_characters="+")
note_characters = st.characters(exclude_categories=["Cs"], exclude_characters=CONTROL)
note_texts = st.text(note_characters, max_size=60).map(lambda text: text + "\n")
key_names = st.text(name_characters, min_size=1, max_size=20)
signatures = st.builds(
    Signature, key_names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)
)


@given(note_texts, st.lists(signatures, min_size=1, max_size=16))
def test_notes_round_trip(text: str, lines: list[Signature]) -> None:
    note = Note(text, tuple(lines))
    assert Note.parse(note.render()) == note


@given(st.binary(max_size=200) | note_texts.map(str.encode))
def test_any_bytes_are_a_note_that_renders_back_or_invalid_note(data: bytes) -> None:
    try:
        note = Note.parse(data)
    except InvalidNote:
        return
    assert note.render() == data


@settings(max_examples=50)
@given(note_texts, st.data())
def test_any_one_bit_change_of_a_signed_note_is_refused(text: str, data: st.DataObject) -> None:
    note = Note(text, (SIGNER.sign(text),)).render()
    at = data.draw(st.integers(0, len(note) - 1))
    changed = flip(note, at, data.draw(st.integers(0, 7)))
    with pytest.raises(VerificationError):
        Note.parse(changed).verified_by(SIGNER.verifier)


class Example(SignedText):
    TYPE = "psi-example/v1"
    name: ShortText
    sizes: tuple[Count, ...]
    more: dict[str, Count]
    maybe: ShortText | None = None


visible = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), min_size=1, max_size=30)
counts = st.integers(0, 2**53 - 1)
texts = st.builds(
    Example,
    name=visible,
    sizes=st.lists(counts, max_size=4).map(tuple),
    more=st.dictionaries(visible, counts, max_size=4),
    maybe=st.none() | visible,
)


@settings(max_examples=50)
@given(texts)
def test_signed_texts_round_trip(value: Example) -> None:
    note = value.signed(SIGNER)
    opened = Example.open(note, SIGNER.verifier)
    assert opened == value
    assert (opened.text(), opened.hash()) == (value.text(), value.hash())


@given(texts, st.data())
def test_a_changed_text_reads_as_another_value_or_not_at_all(value: Example, data: st.DataObject) -> None:
    text = value.text()
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(exclude_categories=["Cs"])) + text[at + 1 :]
    try:
        read_back = Example.from_text(changed)
    except InvalidText:
        return
    assert read_back.text() == changed
    assert (read_back == value) == (changed == text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(well_formed, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(well_formed, max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(json_values)
def test_canonical_json_round_trips_and_is_stable(value: Any) -> None:
    data = jcs.encode(value)
    assert jcs.decode(data, limit=len(data)) == value
    assert jcs.encode(jcs.decode(data, limit=len(data))) == data


@given(st.binary(max_size=100) | st.text(max_size=50).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_canonical_json_or_invalid_text(data: bytes) -> None:
    try:
        value = jcs.decode(data, limit=100)
    except InvalidText:
        return
    assert jcs.encode(value) == data


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries


@given(st.binary(max_size=600))
def test_any_bytes_are_a_bundle_that_encodes_back_or_invalid_text(data: bytes) -> None:
    try:
        entries = tiles.decode_bundle(data)
    except InvalidText:
        return
    assert tiles.encode_bundle(entries) == data


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(1, 256), st.integers(1, 256))
def test_paths_name_one_tile_each(first: int, second: int, width: int, other: int) -> None:
    one, two = tiles.entries_path(first, width), tiles.entries_path(second, other)
    assert (one == two) == ((first, width) == (second, other))
    digits = one.removeprefix("tile/entries/").partition(".p/")[0].replace("x", "").replace("/", "")
    assert int(digits) == first


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(visible, max_size=3))
def test_checkpoints_round_trip(size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint("lab-a.example", size, root, tuple(extensions))
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@given(
    st.sampled_from(EntryKind),
    st.binary(min_size=16, max_size=16),
    st.datetimes().map(lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)),
    st.none() | st.just("lab-b.example"),
    st.dictionaries(visible, counts | visible, max_size=4),
)
def test_entries_round_trip(
    kind: EntryKind, salt: bytes, time: str, peer: str | None, body: dict[str, Any]
) -> None:
    entry = Entry(kind, salt, time, peer, body)
    assert Entry.decode(entry.encode()) == entry


@given(st.text(max_size=80) | st.text(max_size=20).map(lambda text: str(SIGNER.verifier) + text))
def test_any_text_is_a_verifier_key_that_writes_back_or_a_psi_error(text: str) -> None:
    try:
        verifier = Verifier.parse(text)
    except PsiError:
        return
    assert str(verifier) == text


@settings(max_examples=300)
@given(
    st.binary(max_size=72),
    st.integers(0, 99),
    st.text(BASE64 + "=-_ \r\x0b\xe9\u0661", max_size=3),
    st.booleans(),
)
@example(b"12345", 7, "=", False)
@example(b"12345", 6, "B", True)
@example(b"123456", 8, "=", False)
def test_a_signature_line_has_one_spelling(value: bytes, at: int, put: str, instead: bool) -> None:
    """Accepted is what Python's strict reader takes and writes again the same, and nothing else."""
    plain = base64.b64encode(value).decode()
    place = at % (len(plain) + 1)
    encoded = plain[:place] + put + plain[place + instead :]
    try:
        strict = base64.b64decode(encoded, validate=True)
    except ValueError:
        strict = b""
    good = len(strict) >= 5 and base64.b64encode(strict).decode() == encoded
    try:
        (found,) = Note.parse(f"text\n\n\N{EM DASH} lab {encoded}\n".encode()).signatures
    except InvalidNote:
        assert not good
    else:
        assert good
        assert found == Signature("lab", strict[:4], strict[4:])


@given(st.text(max_size=8))
@example("\x7f")
@example("\x85\u2028\ud800\x80")
@example("a\n\nb")
def test_no_text_has_control_characters_but_line_feeds(text: str) -> None:
    bad = re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text) is not None
    try:
        Note(text + "\n")
    except InvalidNote:
        assert bad
    else:
        assert not bad
