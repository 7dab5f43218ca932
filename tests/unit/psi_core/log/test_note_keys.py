"""Note keys: RFC 8032 known answer, verifier key text, cosignatures checked with a second library."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from psi_core.errors import InvalidNote, InvalidSignature, InvalidText
from psi_core.log import cosignature
from psi_core.log.key import COSIGNATURE, ED25519, NoteType, Signer, Verifier, key_id

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "signed-note.json").read_text())
KNOWN = VECTORS["rfc8032"][0]
# c2sp.org/signed-note and the public test log both name their keys like this.
PUBLIC = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


def test_rfc8032_known_answer() -> None:
    signer = Signer.from_seed("lab-a.example", bytes.fromhex(KNOWN["seed"]))
    assert signer.verifier.public_key.hex() == KNOWN["public_key"]
    message = bytes.fromhex(KNOWN["message"]).decode()
    assert signer.sign(message).value.hex() == KNOWN["signature"]
    signer.verifier.check(message.encode(), bytes.fromhex(KNOWN["signature"]))


def test_verifier_key_round_trip() -> None:
    verifier = Verifier.parse(PUBLIC)
    assert (verifier.name, verifier.type) == ("example.com/log/testdata", ED25519)
    assert verifier.key_id.hex() == "33d7b496"
    assert str(verifier) == PUBLIC
    cosigner = Signer.generate("w.example", COSIGNATURE).verifier
    assert Verifier.parse(str(cosigner)) == cosigner


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a",
        "a+b",
        PUBLIC.replace("33d7b496", "33d7b497"),
        PUBLIC.replace("33d7b496", "33D7B496"),
        PUBLIC.replace("testdata", "testdatb"),
        PUBLIC + "\n",
        PUBLIC + "=",
        " " + PUBLIC,
        PUBLIC[:-4],
        PUBLIC.replace("AeHT", "BuHT"),  # type 0x06, ML-DSA: not known here
        "+33d7b496+" + PUBLIC.split("+", 2)[2],
        "a b+33d7b496+" + PUBLIC.split("+", 2)[2],
        "\ud800+33d7b496+" + PUBLIC.split("+", 2)[2],
        "a+33d7b496+é",
        "n" * 2000 + "+33d7b496+AA==",
    ],
)
def test_malformed_verifier_keys(vkey: str) -> None:
    with pytest.raises(InvalidText):
        Verifier.parse(vkey)


# The eight points whose order divides the cofactor 8; RFC 8032 section 5.1.7 leaves them to the caller.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_points_of_small_order_are_no_keys(point: str) -> None:
    with pytest.raises(InvalidText, match="small order"):
        Verifier("lab-a.example", ED25519, bytes.fromhex(point))


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), b"\xee" + b"\xff" * 30 + b"\x7f", b"\xff" * 32])
def test_bytes_that_are_no_point(key: bytes) -> None:
    with pytest.raises(InvalidText):
        Verifier("lab-a.example", ED25519, key)


@pytest.mark.parametrize("name", ["", "a b", "a\u2003b", "a+b", "a\nb", "a\x7fb", "a\u200eb", "n" * 513])
def test_malformed_names(name: str) -> None:
    with pytest.raises(InvalidText, match="key name"):
        Signer.generate(name)


def test_signature_checks_refuse_other_lengths_and_messages() -> None:
    signer = Signer.generate("lab-a.example")
    value = signer.sign("text\n").value
    signer.verifier.check(b"text\n", value)
    for message, wrong in [
        (b"text", value),
        (b"text\n", value[:-1]),
        (b"text\n", value + b"\0"),
        (b"text\n", b""),
    ]:
        with pytest.raises(InvalidSignature):
            signer.verifier.check(message, wrong)


def test_signature_with_s_beyond_the_group_order_is_refused() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signer = Signer.generate("lab-a.example")
    value = signer.sign("text\n").value
    malleable = value[:32] + (int.from_bytes(value[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(InvalidSignature):
        signer.verifier.check(b"text\n", malleable)


def test_cosignature_verifies_with_another_library() -> None:
    cosigner = Signer.generate("lab-a.example", COSIGNATURE)
    signature = cosigner.cosign("origin\n1\nroot\n", 1_700_000_000)
    time, value = cosignature.split(signature.value)
    assert time == 1_700_000_000
    Ed25519PublicKey.from_public_bytes(cosigner.verifier.public_key).verify(
        value, b"cosignature/v1\ntime 1700000000\norigin\n1\nroot\n"
    )
    cosigner.verifier.check(b"origin\n1\nroot\n", signature.value)


def test_cosignature_binds_its_time_and_text() -> None:
    cosigner = Signer.generate("lab-a.example", COSIGNATURE)
    value = cosigner.cosign("text\n", 5).value
    for message, wrong in [
        (b"text\n", (6).to_bytes(8, "big") + value[8:]),
        (b"text2\n", value),
        (b"text\n", value[8:]),
        (b"text\n", b"\xff" * 8 + value[8:]),
    ]:
        with pytest.raises(InvalidSignature):
            cosigner.verifier.check(message, wrong)


@pytest.mark.parametrize("time", [-1, 2**63])
def test_cosignature_time_has_bounds(time: int) -> None:
    with pytest.raises(InvalidNote):
        Signer.generate("lab-a.example", COSIGNATURE).cosign("text\n", time)


def test_cosignature_split_has_one_length() -> None:
    with pytest.raises(InvalidNote):
        cosignature.split(bytes(71))


def test_each_type_of_key_signs_its_own_way_only() -> None:
    with pytest.raises(InvalidSignature):
        Signer.generate("lab-a.example", COSIGNATURE).sign("text\n")
    with pytest.raises(InvalidSignature):
        Signer.generate("lab-a.example").cosign("text\n", 1)


def test_the_type_is_part_of_the_key_id() -> None:
    seed = bytes(range(32))
    ids = {Signer.from_seed("lab-a.example", seed, type).verifier.key_id for type in NoteType}
    assert len(ids) == 2
    assert key_id("a", ED25519, seed) != key_id("b", ED25519, seed)


def test_seed_never_shows() -> None:
    signer = Signer.from_seed("lab-a.example", bytes(range(32)))
    for shown in (repr(signer), str(signer), f"{signer}"):
        assert shown == f"Signer(lab-a.example, key id {signer.verifier.key_id.hex()})"
    assert bytes(range(32)).hex() not in repr(signer.verifier)
    assert signer.seed == bytes(range(32))
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_seed_has_32_bytes() -> None:
    with pytest.raises(InvalidText, match="31 bytes"):
        Signer.from_seed("lab-a.example", bytes(31))


def test_two_generated_keys_differ() -> None:
    assert Signer.generate("a.example").seed != Signer.generate("a.example").seed
    assert len(base64.b64decode(str(Signer.generate("a.example").verifier).split("+", 2)[2])) == 33
