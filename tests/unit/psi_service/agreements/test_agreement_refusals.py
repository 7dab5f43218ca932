"""Notes that are tampered with, signed again, a stranger's or for others: none puts anything in force."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from psi_core.agreement.agreement import Revocation
from psi_core.errors import (
    Conflict,
    InputError,
    InvalidMatchKey,
    InvalidNote,
    InvalidSignature,
    InvalidText,
    NodeRefusing,
    NotFound,
    VerificationError,
)
from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.note import Note
from psi_service.agreements.incoming import MAX_WAITING
from psi_service.agreements.proposal import Proposal
from psi_service.consortium.service import ConsortiumKey
from tests.offices import KEY, LAB_A, LAB_B, LAB_C, NOW, Office


def proposal(lab: str = LAB_B, **changes: Any) -> Proposal:
    fields = {"lab": lab, "title": "abuse sharing 2026", "match_keys": ({"match_key": "email"},), **changes}
    return Proposal.model_validate(fields)


def resigned(note: bytes, *signers: NodeKeys, **changes: Any) -> bytes:
    """The agreement with some fields changed, well signed: written without the Agreement class."""
    type_line, line = Note.parse(note).text.splitlines()
    body = json.dumps({**json.loads(line), **changes}, sort_keys=True, separators=(",", ":"))
    text = f"{type_line}\n{body}\n"
    return Note(text, tuple(signer.document.sign(text) for signer in signers)).render()


async def test_a_tampered_text_is_refused(a: Office, b: Office) -> None:
    note = (await a.agreements.propose(proposal(), send=False)).note.encode()
    for changed in (
        note.replace(b'"evaluations_per_period":100000', b'"evaluations_per_period":900000'),
        note.replace(LAB_A.encode(), LAB_C.encode()),
        note.replace(b"abuse sharing", b"other sharing"),
    ):
        assert changed != note
        with pytest.raises((InvalidSignature, VerificationError)):
            await b.agreements.received(LAB_A, changed)
    with pytest.raises(InvalidNote):
        await b.agreements.received(LAB_A, note[:-10])
    assert await b.states() == []


async def test_terms_that_the_peer_changed_and_signed_again_are_another_agreement(
    a: Office, b: Office
) -> None:
    """The proposer never signed them, so they wait here like any proposal, and nothing is in force."""
    proposed = await a.agreements.propose(proposal())
    changed = resigned(proposed.note.encode(), b.keys, padding_bucket=64)
    assert await a.agreements.received(LAB_B, changed) == "waiting"
    assert sorted(await a.states()) == ["proposed", "waiting"]
    stolen = Note.parse(proposed.note.encode()).signatures
    mixed = Note(Note.parse(changed).text, (*stolen, *Note.parse(changed).signatures)).render()
    assert await a.agreements.received(LAB_B, mixed) == "known"
    with pytest.raises(NotFound):
        await a.agreements.in_force(LAB_B)


async def test_a_strangers_text_is_refused(a: Office, b: Office, c: Office) -> None:
    note = (await a.agreements.propose(proposal(), send=False)).note.encode()
    with pytest.raises(InvalidSignature):
        await b.agreements.received(LAB_C, note)
    with pytest.raises(InvalidSignature):
        await b.agreements.received(LAB_A, resigned(note, c.keys))
    del b.pinned[LAB_A]
    with pytest.raises(NotFound):
        await b.agreements.received(LAB_A, note)
    with pytest.raises(NotFound):
        await b.agreements.taken(note)
    assert await b.states() == []


async def test_a_text_for_other_labs_is_refused(a: Office, b: Office, c: Office) -> None:
    note = (await a.agreements.propose(proposal(), send=False)).note.encode()
    for take in (c.agreements.received(LAB_A, note), c.agreements.taken(note)):
        with pytest.raises(VerificationError, match="between other labs"):
            await take
    passed_on = resigned(note, c.keys)
    with pytest.raises(VerificationError, match="not between the lab that sent it"):
        await b.agreements.received(LAB_C, passed_on)
    assert [await b.states(), await c.states()] == [[], []]


async def test_a_proposer_cannot_accept_its_own_proposal(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    with pytest.raises(Conflict, match="the other lab has to accept it"):
        await a.agreements.accept(proposed.hash)
    assert await b.agreements.received(LAB_A, resigned(proposed.note.encode(), a.keys, a.keys)) == "known"
    assert [await a.states(), await b.states()] == [["proposed"], ["waiting"]]


async def test_what_else_stands_under_a_peers_note_is_not_kept(a: Office, b: Office, c: Office) -> None:
    note = (await a.agreements.propose(proposal(), send=False)).note.encode()
    assert await b.agreements.received(LAB_A, resigned(note, c.keys, a.keys, c.keys)) == "waiting"
    kept = (await b.agreements.list())[0].note
    assert kept == note.decode()


async def test_a_forged_signature_of_ours_does_not_put_it_in_force(a: Office, b: Office) -> None:
    """Lab B adds a line in our name to a text of its own: it waits for us all the same."""
    note = (await b.agreements.propose(proposal(LAB_A), send=False)).note.encode()
    parsed = Note.parse(note)
    ours = a.keys.document.sign("another text\n")
    assert (
        await a.agreements.received(LAB_B, Note(parsed.text, (*parsed.signatures, ours)).render())
        == "waiting"
    )
    assert await a.states() == ["waiting"]


async def test_a_revocation_by_somebody_else_is_refused(a: Office, b: Office, c: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    await b.agreements.accept(proposed.hash)
    revocation = Revocation(
        agreement=proposed.hash, lab=LAB_B, reason="ended", created="2026-11-24T10:00:00Z"
    )
    with pytest.raises(InvalidSignature):
        await a.agreements.received(LAB_B, revocation.signed(c.keys.document))
    with pytest.raises(VerificationError, match="not by the lab"):
        await a.agreements.received(LAB_C, revocation.signed(c.keys.document))
    own = Revocation(agreement=proposed.hash, lab=LAB_C, reason="ended", created="2026-11-24T10:00:00Z")
    with pytest.raises(NotFound):
        await a.agreements.received(LAB_C, own.signed(c.keys.document))
    unknown = Revocation(agreement="00" * 32, lab=LAB_B, reason="ended", created="2026-11-24T10:00:00Z")
    with pytest.raises(NotFound):
        await a.agreements.received(LAB_B, unknown.signed(b.keys.document))
    assert [await a.states(), await b.states()] == [["in_force"], ["in_force"]]


async def test_it_is_accepted_only_when_it_fits_this_node(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    b.key = ConsortiumKey("f" * 16, "other", "v1", bytes(32))
    with pytest.raises(Conflict, match="another consortium key"):
        await b.agreements.accept(proposed.hash)
    b.key = KEY
    b.now = NOW + timedelta(days=365)
    with pytest.raises(Conflict, match="ended already"):
        await b.agreements.accept(proposed.hash)
    b.now = NOW
    b.pinned[LAB_A] = Card.read(NodeKeys.generate(LAB_A, NOW).card(LAB_A, "localhost:1", NOW))
    with pytest.raises(InvalidSignature):
        await b.agreements.accept(proposed.hash)
    assert await b.states() == ["waiting"]


async def test_terms_that_make_no_sense_are_not_proposed(a: Office) -> None:
    for bad, error in (
        (proposal(match_keys=({"match_key": "emails"},)), InvalidMatchKey),
        (proposal(match_keys=({"match_key": "card", "evaluations_per_period": 100_001},)), InvalidText),
        (proposal(padding_bucket=1), InvalidText),
        (proposal(learns=(LAB_C,)), InvalidText),
        (proposal(valid_until="2026-11-01T00:00:00Z"), InvalidText),
        (proposal(reveal=("values",)), InvalidText),
        (proposal(LAB_A), InputError),
        (proposal("lab-d.example"), NotFound),
    ):
        with pytest.raises(error):
            await a.agreements.propose(bad)
    assert await a.states() == []
    assert await a.logged() == []


async def test_a_node_that_refuses_to_sign_keeps_and_sends_nothing(a: Office) -> None:
    a.log.refusal = "the head file is ahead of the store"
    with pytest.raises(NodeRefusing):
        await a.agreements.propose(proposal())
    assert await a.states() == []
    assert a.sent == []


async def test_a_peer_cannot_fill_the_store_with_proposals(a: Office, b: Office) -> None:
    note = (await a.agreements.propose(proposal(), send=False)).note.encode()
    for number in range(MAX_WAITING):
        assert await b.agreements.received(LAB_A, resigned(note, a.keys, nonce=f"{number:032x}")) == "waiting"
    with pytest.raises(Conflict, match="wait already"):
        await b.agreements.received(LAB_A, note)
    assert len(await b.states()) == MAX_WAITING
