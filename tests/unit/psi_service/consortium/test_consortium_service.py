"""A consortium is created, another lab is invited and joins; nothing forged, misdirected or stale is joined."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from psi_core.errors import (
    Conflict,
    InputError,
    InvalidSignature,
    InvalidText,
    NodeRefusing,
    NotFound,
    StoreError,
    VerificationError,
)
from psi_core.identity.card import Card
from psi_core.identity.invite import Invite
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.fingerprint import key_id
from psi_core.log.note import Note
from psi_service.agreements.proposal import Proposal
from psi_service.consortium.service import MAX_WAITING
from tests.offices import LAB_A, LAB_B, LAB_C, NOW, Office, closed, opened

OTHER_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def keys() -> list[NodeKeys]:
    return [NodeKeys.generate(lab, NOW) for lab in (LAB_A, LAB_B, LAB_C)]


@pytest.fixture
async def world(keys: list[NodeKeys], tmp_path: Path) -> AsyncIterator[dict[str, Office]]:
    made = await opened(keys, tmp_path)
    yield made
    await closed(made)


@pytest.fixture
def a(world: dict[str, Office]) -> Office:
    return world[LAB_A]


@pytest.fixture
def b(world: dict[str, Office]) -> Office:
    return world[LAB_B]


@pytest.fixture
def c(world: dict[str, Office]) -> Office:
    return world[LAB_C]


def sealed_by(
    sender: Office, recipient: Card, key: bytes = OTHER_KEY, profile: str = "v1", name: str = "abuse"
) -> bytes:
    """An invite from `sender` outside its service."""
    return Invite.seal(
        key,
        signer=sender.keys.document,
        recipient=recipient,
        consortium=name,
        profile=profile,
        created="2026-11-24T09:30:00Z",
    )


async def with_an_indicator(office: Office) -> None:
    def work(db: Database) -> None:
        db.execute("INSERT INTO actors (id, lookup, reference, created) VALUES (1, x'00', x'00', '')")
        db.execute("INSERT INTO indicators (actor, kind, fingerprint) VALUES (1, 'email', x'00')")

    await office.store.transaction(work)


async def test_create_invite_join_and_both_hold_one_key(a: Office, b: Office) -> None:
    made = await a.consortium.create("abuse sharing")
    assert (made.name, made.profile, made.origin, made.current) == ("abuse sharing", "v1", LAB_A, True)
    invited = await a.consortium.invite(LAB_B)
    assert (invited.delivered, invited.fault) == ("waiting", None)
    (waiting,) = await b.consortium.waiting()
    assert (waiting.lab, waiting.key_id, waiting.consortium) == (LAB_A, made.key_id, "abuse sharing")
    with pytest.raises(NotFound):
        await b.consortium.current()
    joined = await b.consortium.join(waiting.hash[:8])
    assert (joined.key_id, joined.name, joined.origin, joined.current) == (
        made.key_id,
        "abuse sharing",
        LAB_A,
        True,
    )
    assert await b.consortium.waiting() == ()
    at_a, at_b = await a.consortium.current(), await b.consortium.current()
    assert at_a.key == at_b.key
    assert key_id(at_a.key) == at_a.key_id == at_b.key_id == made.key_id
    assert await b.consortium.list() == (joined,)


async def test_the_log_names_the_key_by_its_id_alone(a: Office, b: Office) -> None:
    made = await a.consortium.create("abuse")
    await a.consortium.invite(LAB_B)
    await b.consortium.join((await b.consortium.waiting())[0].hash)
    key = (await a.consortium.current()).key
    at_a, at_b = await a.logged(), await b.logged()
    assert [(entry.kind, entry.body["action"], entry.peer) for entry in at_a] == [
        ("consortium-key", "created", None),
        ("consortium-key", "invited", LAB_B),
    ]
    assert [(entry.kind, entry.body["action"], entry.peer) for entry in at_b] == [
        ("consortium-key", "joined", LAB_A)
    ]
    assert {entry.body["key_id"] for entry in (*at_a, *at_b)} == {made.key_id}
    everything = b"".join([*await a.log.entries(0, 10), *await b.log.entries(0, 10)])
    assert key.hex().encode() not in everything
    assert b"ciphertext" not in everything


async def test_the_key_is_sealed_in_the_store_and_hidden_in_representations(a: Office) -> None:
    made = await a.consortium.create("abuse")
    current = await a.consortium.current()
    await a.store.close()
    kept = b"".join(path.read_bytes() for path in a.store.path.parent.glob("node.db*"))
    assert current.key not in kept
    assert current.key.hex() not in repr(current)
    assert repr(current.key) not in repr(current)
    assert current.key.hex() not in made.model_dump_json()


async def test_a_sealed_key_that_was_moved_to_another_row_does_not_open(a: Office) -> None:
    await a.consortium.create("first")
    await a.consortium.create("second")
    await a.store.transaction(
        lambda db: db.execute(
            "UPDATE consortium_keys SET sealed = (SELECT sealed FROM consortium_keys WHERE name = 'first')"
        )
    )
    with pytest.raises(StoreError):
        await a.consortium.current()


async def test_an_invite_goes_by_file_when_the_peer_cannot_be_reached(a: Office, b: Office) -> None:
    await a.consortium.create("abuse")
    b.reachable = False
    invited = await a.consortium.invite(LAB_B)
    assert invited.delivered is None
    assert "no route" in (invited.fault or "")
    assert (await b.consortium.join(invited.note.encode())).key_id == invited.key_id
    unsent = await a.consortium.invite(LAB_C, send=False)
    assert (unsent.delivered, unsent.fault) == (None, None)
    assert len(a.sent) == 1


async def test_both_cards_have_to_be_pinned(a: Office, b: Office) -> None:
    await a.consortium.create("abuse")
    pinned = a.pinned.pop(LAB_B)
    with pytest.raises(NotFound):
        await a.consortium.invite(LAB_B)
    a.pinned[LAB_B] = pinned
    note = (await a.consortium.invite(LAB_B)).note.encode()
    del b.pinned[LAB_A]
    for invite in ((await b.consortium.waiting())[0].hash, note):
        with pytest.raises(NotFound):
            await b.consortium.join(invite)
    with pytest.raises(NotFound):
        await b.consortium.current()


async def test_an_invite_under_a_card_that_was_replaced_is_not_joined(a: Office, b: Office) -> None:
    await a.consortium.create("abuse")
    await a.consortium.invite(LAB_B)
    b.pinned[LAB_A] = Card.read(NodeKeys.generate(LAB_A, NOW).card(LAB_A, "localhost:1", NOW))
    with pytest.raises(InvalidSignature):
        await b.consortium.join((await b.consortium.waiting())[0].hash)


async def test_an_invite_sealed_for_an_older_card_of_ours_is_refused(a: Office, b: Office) -> None:
    await a.consortium.create("abuse")
    a.pinned[LAB_B] = Card.read(NodeKeys.generate(LAB_B, NOW).card(LAB_B, "localhost:1", NOW))
    invited = await a.consortium.invite(LAB_B)
    assert "does not open" in (invited.fault or "")
    assert await b.consortium.waiting() == ()


async def test_tampered_misdirected_and_strange_invites_are_refused(a: Office, b: Office, c: Office) -> None:
    await a.consortium.create("abuse")
    note = (await a.consortium.invite(LAB_B, send=False)).note.encode()
    with pytest.raises(InvalidSignature):
        await b.consortium.received(LAB_A, note.replace(b'"abuse"', b'"other"'))
    with pytest.raises(InvalidSignature):
        await b.consortium.received(LAB_C, note)
    with pytest.raises(VerificationError):
        await c.consortium.received(LAB_A, note)
    type_line, line = Note.parse(note).text.splitlines()
    body = json.dumps({**json.loads(line), "sender": LAB_C}, sort_keys=True, separators=(",", ":"))
    stolen = f"{type_line}\n{body}\n"
    with pytest.raises(VerificationError, match="does not open"):
        await b.consortium.received(LAB_C, Note(stolen, (c.keys.document.sign(stolen),)).render())
    assert await b.consortium.waiting() == ()


async def test_an_invite_for_another_profile_is_refused(a: Office, b: Office) -> None:
    with pytest.raises(InputError, match="profile"):
        await b.consortium.received(LAB_A, sealed_by(a, b.card, profile="v2"))
    with pytest.raises(InputError, match="profile"):
        await b.consortium.join(sealed_by(a, b.card, profile="v2"))


async def test_an_invite_that_comes_twice_waits_once_and_never_again(a: Office, b: Office) -> None:
    await a.consortium.create("abuse")
    note = (await a.consortium.invite(LAB_B)).note.encode()
    assert await b.consortium.received(LAB_A, note) == "known"
    assert len(await b.consortium.waiting()) == 1
    await b.consortium.join(note)
    assert await b.consortium.received(LAB_A, note) == "known"
    assert (
        await b.consortium.received(LAB_A, (await a.consortium.invite(LAB_B, send=False)).note.encode())
        == "known"
    )
    assert await b.consortium.waiting() == ()
    with pytest.raises(Conflict, match="already"):
        await b.consortium.join(note)


async def test_a_peer_cannot_fill_the_inbox(a: Office, b: Office) -> None:
    for number in range(MAX_WAITING):
        note = sealed_by(a, b.card, key=bytes([number]) * 32)
        assert await b.consortium.received(LAB_A, note) == "waiting"
    with pytest.raises(Conflict, match="wait already"):
        await b.consortium.received(LAB_A, sealed_by(a, b.card))


async def test_invites_are_named_by_the_beginning_of_their_hash(a: Office, b: Office) -> None:
    await b.consortium.received(LAB_A, sealed_by(a, b.card))
    for prefix in ("", "xyz0", "%%%%"):
        with pytest.raises(InputError):
            await b.consortium.join(prefix)
    with pytest.raises(NotFound):
        await b.consortium.join("0" * 64)


async def test_the_key_changes_only_while_nothing_depends_on_it(a: Office, b: Office) -> None:
    first = await b.consortium.create("a slip")
    second = await b.consortium.create("abuse")
    assert [view.current for view in await b.consortium.list()].count(True) == 1
    assert (await b.consortium.current()).key_id == second.key_id != first.key_id
    await with_an_indicator(b)
    with pytest.raises(Conflict, match="import again"):
        await b.consortium.create("third")
    with pytest.raises(Conflict, match="import again"):
        await b.consortium.join(sealed_by(a, b.card))
    assert (await b.consortium.current()).key_id == second.key_id


async def test_the_key_does_not_change_under_a_running_import(b: Office) -> None:
    await b.consortium.create("abuse")
    await b.store.transaction(
        lambda db: db.execute("INSERT INTO imports (name, state, started) VALUES ('x.csv', 'running', '')")
    )
    with pytest.raises(Conflict, match="import again"):
        await b.consortium.create("other")


async def test_a_name_has_visible_characters(a: Office) -> None:
    for name in ("", "two\nlines", "x" * 201, "\u202e"):
        with pytest.raises(InputError, match="name"):
            await a.consortium.create(name)
    assert await a.consortium.list() == ()


async def test_without_a_consortium_nobody_is_invited(a: Office) -> None:
    with pytest.raises(NotFound, match="no consortium"):
        await a.consortium.invite(LAB_B)


async def test_a_node_that_refuses_to_sign_makes_no_key_and_no_invite(a: Office) -> None:
    await a.consortium.create("abuse")
    a.log.refusal = "the head file is ahead of the store"
    with pytest.raises(NodeRefusing):
        await a.consortium.create("other")
    with pytest.raises(NodeRefusing):
        await a.consortium.invite(LAB_B)
    assert len(await a.consortium.list()) == 1
    assert a.sent == []


async def test_labs_of_one_consortium_agree_and_labs_of_two_do_not(a: Office, b: Office, c: Office) -> None:
    made = await a.consortium.create("abuse")
    await a.consortium.invite(LAB_B)
    await b.consortium.join((await b.consortium.waiting())[0].hash)
    await c.consortium.create("another")
    terms = {"title": "abuse sharing", "match_keys": [{"match_key": "email"}]}
    for lab in (LAB_B, LAB_C):
        await a.agreements.propose(Proposal.model_validate({"lab": lab, **terms}))
    (at_b,) = await b.agreements.list()
    assert (await b.agreements.accept(at_b.hash)).terms.consortium_key_id == made.key_id
    with pytest.raises(Conflict, match="another consortium key"):
        await c.agreements.accept((await c.agreements.list())[0].hash)


async def test_only_invites_agreements_and_revocations_are_taken_as_notes(a: Office, b: Office) -> None:
    card = a.keys.card(LAB_A, "localhost:1", NOW)
    with pytest.raises(InvalidText, match="invite, an agreement or a revocation"):
        await b.notes.received(LAB_A, card)
