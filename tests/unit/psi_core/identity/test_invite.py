"""Invites: the consortium key reaches the lab that it is sealed for; nothing changed or forged is taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from psi_core.errors import InvalidNote, InvalidSignature, InvalidText, VerificationError
from psi_core.identity.card import Card
from psi_core.identity.invite import Invite
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.fingerprint import key_id
from psi_core.log.note import Note

LAB_A, LAB_B, LAB_C = "lab-a.example", "lab-b.example", "lab-c.example"
KEY = bytes(range(32))
OTHER_KEY = bytes(reversed(range(32)))
CREATED = "2026-11-24T09:30:00Z"


@pytest.fixture
def invite(keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]) -> bytes:
    """From lab A to lab B."""
    return sealed(keys[LAB_A], cards[LAB_B])


def sealed(sender: NodeKeys, recipient: Card, key: bytes = KEY) -> bytes:
    return Invite.seal(
        key, signer=sender.document, recipient=recipient, consortium="abuse", profile="v1", created=CREATED
    )


def resigned(note: bytes, signer: NodeKeys, **changes: Any) -> bytes:
    """The invite with some fields changed, well signed again: written without the Invite class."""
    fields = json.loads(Note.parse(note).text.splitlines()[1])
    line = json.dumps({**fields, **changes}, sort_keys=True, separators=(",", ":"))
    text = f"psi-invite/v1\n{line}\n"
    return Note(text, (signer.document.sign(text),)).render()


def test_the_recipient_opens_what_the_sender_sealed(
    invite: bytes, keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    read = Invite.read(invite, sender=cards[LAB_A], recipient=LAB_B)
    assert (read.sender, read.recipient, read.consortium, read.profile) == (LAB_A, LAB_B, "abuse", "v1")
    assert read.key_id == key_id(KEY)
    assert read.open_key(keys[LAB_B].sealing) == KEY


def test_the_key_is_nowhere_in_the_note(invite: bytes) -> None:
    assert KEY not in invite
    assert KEY.hex().encode() not in invite


def test_nobody_else_opens_it(invite: bytes, keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]) -> None:
    read = Invite.read(invite, sender=cards[LAB_A], recipient=LAB_B)
    for lab in (LAB_A, LAB_C):
        with pytest.raises(VerificationError):
            read.open_key(keys[lab].sealing)


def test_an_invite_for_another_lab_is_refused(invite: bytes, cards: Mapping[str, Card]) -> None:
    with pytest.raises(VerificationError, match="another lab"):
        Invite.read(invite, sender=cards[LAB_A], recipient=LAB_C)


def test_an_invite_of_another_sender_is_refused(
    invite: bytes, keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    with pytest.raises(InvalidSignature):
        Invite.read(invite, sender=cards[LAB_C], recipient=LAB_B)
    claims_to_be_a = resigned(invite, keys[LAB_C])
    with pytest.raises(InvalidSignature):
        Invite.read(claims_to_be_a, sender=cards[LAB_A], recipient=LAB_B)
    with pytest.raises(VerificationError, match="another lab"):
        Invite.read(claims_to_be_a, sender=cards[LAB_C], recipient=LAB_B)


def test_a_stranger_cannot_pass_on_an_invite_as_its_own(
    invite: bytes, keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    """The sender is bound into the sealing: the ciphertext is worth nothing under another signature."""
    passed_on = resigned(invite, keys[LAB_C], sender=LAB_C)
    read = Invite.read(passed_on, sender=cards[LAB_C], recipient=LAB_B)
    with pytest.raises(VerificationError):
        read.open_key(keys[LAB_B].sealing)


def test_every_changed_byte_of_the_note_is_refused(
    invite: bytes, keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    for position in range(0, len(invite), 7):
        changed = invite[:position] + bytes([invite[position] ^ 0x01]) + invite[position + 1 :]
        with pytest.raises((InvalidNote, InvalidText, InvalidSignature)):
            Invite.read(changed, sender=cards[LAB_A], recipient=LAB_B)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("consortium", "other"),
        ("profile", "v2"),
        ("created", "2026-11-24T09:30:01Z"),
        ("key_id", key_id(OTHER_KEY)),
        ("ciphertext", "00" * 48),
        ("enc", "09" + "00" * 31),
    ],
)
def test_a_field_changed_and_signed_again_does_not_open(
    field: str, value: str, invite: bytes, keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    read = Invite.read(resigned(invite, keys[LAB_A], **{field: value}), sender=cards[LAB_A], recipient=LAB_B)
    with pytest.raises(VerificationError):
        read.open_key(keys[LAB_B].sealing)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ciphertext", "00" * 47),
        ("ciphertext", "00" * 49),
        ("enc", "00" * 31),
        ("key_id", "0" * 15),
        ("more", "x"),
    ],
)
def test_a_field_of_another_length_is_refused(
    field: str, value: str, invite: bytes, keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    with pytest.raises(InvalidText):
        Invite.read(resigned(invite, keys[LAB_A], **{field: value}), sender=cards[LAB_A], recipient=LAB_B)


def test_a_key_that_is_not_the_one_named_is_refused(
    keys: Mapping[str, NodeKeys], cards: Mapping[str, Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lying sender seals one key under another key's id, all bindings right."""
    monkeypatch.setattr("psi_core.identity.invite.id_of_key", lambda key: key_id(OTHER_KEY))
    note = sealed(keys[LAB_A], cards[LAB_B])
    monkeypatch.undo()
    read = Invite.read(note, sender=cards[LAB_A], recipient=LAB_B)
    with pytest.raises(VerificationError, match="another key"):
        read.open_key(keys[LAB_B].sealing)


def test_a_consortium_key_of_another_length_is_not_sealed(
    keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    with pytest.raises(InvalidText, match="32 bytes"):
        sealed(keys[LAB_A], cards[LAB_B], key=b"short")


def test_another_kind_of_text_is_not_an_invite(
    keys: Mapping[str, NodeKeys], cards: Mapping[str, Card]
) -> None:
    card = keys[LAB_A].card(LAB_A, "localhost:1", datetime(2026, 11, 24, tzinfo=UTC))
    with pytest.raises(InvalidText, match="another type"):
        Invite.read(card, sender=cards[LAB_A], recipient=LAB_B)
