"""Cards: what a lab shows of itself, and every way in which one can be wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from psi_core.errors import InvalidCertificate, InvalidNote, InvalidSignature, InvalidText
from psi_core.identity.card import Card, check_address, check_log_origin
from psi_core.identity.certificate import certificate_pin, der_of_pem
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LAB_A, LAB_B = "lab-a.example", "lab-b.example"


def forged(card: Card, signer: Signer, **changes: Any) -> bytes:
    """A note of the card's text with some fields changed, well signed: written without the Card class."""
    fields = {**card.model_dump(mode="json"), **changes}
    text = f"psi-card/v1\n{json.dumps(fields, sort_keys=True, separators=(',', ':'))}\n"
    return Note(text, (signer.sign(text),)).render()


def test_a_node_shows_its_keys_on_a_card_that_reads_back(keys: Mapping[str, NodeKeys]) -> None:
    own = keys[LAB_A]
    card = Card.read(own.card(LAB_A, "psi.lab-a.example:7443", NOW))
    assert card.lab == LAB_A
    assert card.address == "psi.lab-a.example:7443"
    assert card.created == "2026-11-24T09:30:00Z"
    assert card.log_origin == "lab-a.example/psi-log"
    assert card.document_verifier == own.document.verifier
    assert card.log_verifier == own.log.verifier
    assert card.cosigner_verifier == own.cosigner.verifier
    assert card.sealing_key == own.sealing.public.hex()
    assert card.certificate_der == der_of_pem(own.tls_certificate_pem)
    assert card.pin == certificate_pin(card.certificate_der)


def test_the_same_keys_and_time_give_the_same_card(keys: Mapping[str, NodeKeys]) -> None:
    own = keys[LAB_A]
    assert own.card(LAB_A, "localhost:1", NOW) == own.card(LAB_A, "localhost:1", NOW)


def test_the_fingerprint_covers_the_whole_text_and_is_read_in_fours(cards: Mapping[str, Card]) -> None:
    card = cards[LAB_A]
    line = json.dumps(card.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256(f"psi-card/v1\n{line}\n".encode()).digest()
    assert card.fingerprint() == expected
    words = card.fingerprint_words().split(" ")
    assert [len(word) for word in words] == [4] * 16
    assert "".join(words) == expected.hex()


def test_a_card_that_another_key_signed_is_refused(
    cards: Mapping[str, Card], keys: Mapping[str, NodeKeys]
) -> None:
    for signer in (keys[LAB_B].document, keys[LAB_A].log):
        with pytest.raises(InvalidSignature):
            Card.read(forged(cards[LAB_A], signer))


def test_a_changed_text_under_the_old_signature_is_refused(keys: Mapping[str, NodeKeys]) -> None:
    note = keys[LAB_A].card(LAB_A, "psi.lab-a.example:7443", NOW)
    with pytest.raises(InvalidSignature):
        Card.read(note.replace(b":7443", b":7444"))
    with pytest.raises(InvalidNote):
        Card.read(note.replace(b"\n\n", b"\n"))


def test_each_key_of_another_lab_is_refused_even_when_well_signed(
    cards: Mapping[str, Card], keys: Mapping[str, NodeKeys]
) -> None:
    card, other = cards[LAB_A], cards[LAB_B]
    for field in ("log_key", "cosigner_key"):
        with pytest.raises(InvalidText, match=field):
            Card.read(forged(card, keys[LAB_A].document, **{field: getattr(other, field)}))
    with pytest.raises(InvalidText, match="document_key"):
        Card.read(forged(card, keys[LAB_B].document, document_key=other.document_key))
    with pytest.raises(InvalidCertificate, match="subject"):
        Card.read(forged(card, keys[LAB_A].document, tls_certificate=other.tls_certificate))


def test_keys_of_another_type_are_refused(cards: Mapping[str, Card], keys: Mapping[str, NodeKeys]) -> None:
    card, own = cards[LAB_A], keys[LAB_A].document
    with pytest.raises(InvalidText, match="cosigner_key"):
        Card.read(forged(card, own, cosigner_key=card.document_key))
    swapped = Signer.generate(LAB_A, COSIGNATURE)
    with pytest.raises(InvalidText, match="document_key"):
        Card.unverified(forged(card, own, document_key=str(swapped.verifier)))


def test_one_key_in_two_places_is_refused(cards: Mapping[str, Card], keys: Mapping[str, NodeKeys]) -> None:
    own = keys[LAB_A].document
    same_seed = Signer.from_seed(f"{LAB_A}/psi-log", own.seed)
    with pytest.raises(InvalidText, match="three different keys"):
        Card.read(forged(cards[LAB_A], own, log_key=str(same_seed.verifier)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lab", "LAB-A.example"),
        ("lab", "lab"),
        ("address", "psi.lab-a.example"),
        ("log_origin", "lab-b.example/psi-log"),
        ("sealing_key", "00" * 32),
        ("sealing_key", "01" + "00" * 31),
        ("sealing_key", "AB" * 32),
        ("created", "2026-11-24"),
        ("tls_certificate", "not base64!"),
        ("tls_certificate", "A" * 6000),
        ("document_key", "lab-a.example+00000000+AAAA"),
        ("surplus", "field"),
    ],
)
def test_a_field_that_is_wrong_is_refused(
    field: str, value: str, cards: Mapping[str, Card], keys: Mapping[str, NodeKeys]
) -> None:
    with pytest.raises((InvalidText, InvalidCertificate)):
        Card.read(forged(cards[LAB_A], keys[LAB_A].document, **{field: value}))


def test_a_certificate_with_a_second_spelling_in_base64_is_refused() -> None:
    """Two bits after the last byte are unused: a lenient decoder reads several texts as one certificate."""
    own = NodeKeys.generate(LAB_A, NOW)
    card = Card.read(own.card(LAB_A, "localhost:1", NOW))
    # Its length varies by a byte or two with the signature; a length that leaves unused bits is needed.
    while not card.tls_certificate.endswith("="):
        own = NodeKeys.generate(LAB_A, NOW)
        card = Card.read(own.card(LAB_A, "localhost:1", NOW))
    body = card.tls_certificate.rstrip("=")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    twin = card.tls_certificate.replace(body, body[:-1] + alphabet[alphabet.index(body[-1]) + 1])
    assert base64.b64decode(twin) == card.certificate_der
    with pytest.raises(InvalidText, match="canonical"):
        Card.read(forged(card, own.document, tls_certificate=twin))


@pytest.mark.parametrize(
    "address",
    ["lab-a.example:7443", "127.0.0.1:1", "[::1]:65535", "[2001:db8::1]:443", "localhost:80", "a:1"],
)
def test_addresses_that_can_be_dialled(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "lab-a.example",
        "lab-a.example:",
        "lab-a.example:0",
        "lab-a.example:080",
        "lab-a.example:65536",
        "lab-a.example:7443/",
        "lab-a.example:7443\n",
        "-a.example:1",
        "::1:443",
        "[::1]",
        "unix:/tmp/socket",
        "dns:///lab-a.example:443",
        "user@lab-a.example:443",
        "LAB.example:443",
        "a" * 254 + ":1",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(InvalidText, match="host:port"):
        check_address(address)


@pytest.mark.parametrize("origin", ["lab-a.example/psi-log", "lab-a.example/psi-log/2"])
def test_log_origins(origin: str) -> None:
    check_log_origin(origin, LAB_A)


@pytest.mark.parametrize(
    "origin",
    [
        "lab-b.example/psi-log",
        "lab-a.example",
        "lab-a.example/psi-log/",
        "lab-a.example/psi-log/0",
        "lab-a.example/psi-log/02",
        "lab-a.example/psi-log/2/3",
        "lab-a.example/psi-logs",
        "xlab-a.example/psi-log",
    ],
)
def test_log_origins_that_are_refused(origin: str) -> None:
    with pytest.raises(InvalidText, match="log_origin"):
        check_log_origin(origin, LAB_A)
