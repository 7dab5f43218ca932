"""The directory: cards are checked, kept, logged; memory and store agree; removal holds whatever the store says."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from psi_client.peer_fault import Fault
from psi_core.errors import (
    Conflict,
    InputError,
    InvalidCertificate,
    InvalidNote,
    InvalidSignature,
    NodeRefusing,
    NotFound,
)
from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from psi_service.log.node_log import NodeLog
from psi_service.peers.directory import PeerDirectory
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pins import PinBoard
from psi_service.store.database import Store

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
OWN = "lab-a.example"


def clock() -> datetime:
    return NOW


def card_note(lab: str, issued: datetime = NOW, address: str = "psi.example:7443") -> bytes:
    return NodeKeys.generate(lab, issued).card(lab, address, NOW)


B = card_note("lab-b.example")
C = card_note("lab-c.example")


class Place:
    """A directory with what it stands on."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.store = Store.open(folder, clock)
        self.log = NodeLog(self.store, NodeKeys.generate(OWN, NOW).log, folder / "head", clock)
        self.pins, self.calls = PinBoard(), OpenCalls()
        self.directory = PeerDirectory(OWN, self.store, self.log, self.pins, self.calls, clock)

    async def logged(self) -> list[tuple[str, str, dict]]:
        entries = [json.loads(entry) for entry in await self.log.entries(0, 100)]
        return [(entry["kind"], entry["peer"], entry["body"]) for entry in entries]


@pytest.fixture
async def place(tmp_path):
    it = Place(tmp_path)
    await it.log.verify_at_start()
    await it.directory.load()
    yield it
    await it.store.close()


async def test_an_added_card_is_found_pinned_and_logged_whole(place):
    heard = []
    place.directory.on_change(lambda: heard.append([card.lab for card in place.directory.list()]))
    card = await place.directory.add(B)
    assert card == Card.read(B)
    assert place.directory.get("lab-b.example") == card
    assert place.directory.list() == (card,)
    assert place.directory.card_by_pin(card.pin) == card
    assert place.pins.of_lab("lab-b.example").value == card.pin
    assert await place.logged() == [("card", "lab-b.example", {"action": "added", "card": B.decode()})]
    assert heard == [["lab-b.example"]]


async def test_the_same_card_twice_is_harmless_and_logged_once(place):
    await place.directory.add(B)
    await place.directory.add(B)
    assert len(await place.logged()) == 1


async def test_another_card_of_a_pinned_lab_is_a_conflict(place):
    first = await place.directory.add(B)
    with pytest.raises(Conflict, match="remove lab-b"):
        await place.directory.add(card_note("lab-b.example"))
    assert place.directory.list() == (first,)


async def test_our_own_card_is_refused(place):
    with pytest.raises(InputError, match="own card"):
        await place.directory.add(card_note(OWN))


@pytest.mark.parametrize(
    ("issued", "words"),
    [
        (NOW - timedelta(days=11 * 366), r"lab-b.example: it expired on 2025-11-1\d"),
        (NOW + timedelta(days=1), "it is not valid before 2026-11-25"),
    ],
)
async def test_a_certificate_that_is_not_valid_now_is_refused(place, issued, words):
    with pytest.raises(InvalidCertificate, match=words):
        await place.directory.add(card_note("lab-b.example", issued))
    assert place.pins.all() == ()


@pytest.mark.parametrize(
    ("note", "error"),
    [
        (b"", InvalidNote),
        (b"\x00" * 100, InvalidNote),
        (b"x" * (65 << 10), InvalidNote),
        (B.replace(b"psi.example:7443", b"psi.example:7444"), InvalidSignature),
    ],
)
async def test_a_card_that_does_not_verify_is_refused(place, note, error):
    with pytest.raises(error):
        await place.directory.add(note)
    assert await place.logged() == []


async def test_a_removed_lab_is_gone_at_once_its_calls_end_and_it_is_logged(place):
    card = await place.directory.add(B)
    ended = []
    with place.calls.entered("lab-b.example", ended.append):
        await place.directory.remove("lab-b.example")
    assert [reason.fault for reason in ended] == [Fault.REMOVED]
    with pytest.raises(NotFound, match="no peer lab-b"):
        place.directory.get("lab-b.example")
    assert place.directory.card_by_pin(card.pin) is None
    assert place.pins.all() == ()
    kind, peer, body = (await place.logged())[-1]
    assert (kind, peer) == ("card", "lab-b.example")
    assert body == {"action": "removed", "fingerprint": card.fingerprint().hex()}


async def test_removing_an_unknown_lab_is_not_found(place):
    with pytest.raises(NotFound):
        await place.directory.remove("lab-z.example")
    await place.directory.add(B)
    await place.directory.remove("lab-b.example")
    with pytest.raises(NotFound):
        await place.directory.remove("lab-b.example")


async def test_a_lab_may_come_back_with_a_new_card(place):
    await place.directory.add(B)
    await place.directory.remove("lab-b.example")
    card = await place.directory.add(card_note("lab-b.example"))
    assert place.directory.get("lab-b.example") == card
    assert [body["action"] for _, _, body in await place.logged()] == ["added", "removed", "added"]


async def test_peers_are_there_again_after_a_restart(place):
    await place.directory.add(C)
    await place.directory.add(B)
    await place.directory.remove("lab-c.example")
    again = PeerDirectory(OWN, place.store, place.log, pins := PinBoard(), OpenCalls(), clock)
    await again.load()
    assert again.list() == (Card.read(B),)
    assert [pin.lab for pin in pins.all()] == ["lab-b.example"]


async def test_a_node_that_refuses_to_sign_pins_nobody_new_but_still_lets_go(place):
    await place.directory.add(B)
    place.log.refusal = "the log is behind its head file"
    with pytest.raises(NodeRefusing):
        await place.directory.add(C)
    assert [pin.lab for pin in place.pins.all()] == ["lab-b.example"]
    ended = []
    with place.calls.entered("lab-b.example", ended.append), pytest.raises(NodeRefusing):
        await place.directory.remove("lab-b.example")
    assert place.pins.all() == ()
    assert len(ended) == 1


async def test_who_asked_may_go_away_store_and_memory_still_agree(place):
    changed = asyncio.Event()
    place.directory.on_change(changed.set)
    asking = asyncio.create_task(place.directory.add(B))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5):
        await changed.wait()
    assert [card.lab for card in place.directory.list()] == ["lab-b.example"]
    assert len(await place.logged()) == 1


async def test_two_who_add_the_same_lab_at_once_pin_it_once(place):
    others = [card_note("lab-b.example") for _ in range(3)]
    outcomes = await asyncio.gather(*map(place.directory.add, others), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Card", "Conflict", "Conflict"]
    assert len(await place.logged()) == 1


async def test_a_fresh_node_under_a_known_name_begins_its_books_anew(place) -> None:
    await place.directory.add(B)
    rows = [("lab-b.example", OWN), (OWN, "lab-b.example"), ("lab-c.example", OWN)]
    await place.store.transaction(
        lambda db: db.conn.executemany("INSERT INTO counters VALUES (?, ?, 7, x'', x'00')", rows)
    )

    def pairs() -> set[tuple[str, str]]:
        return set(
            place.store.query_now(
                lambda db: db.execute("SELECT initiator, responder FROM counters").fetchall()
            )
        )

    await place.directory.remove("lab-b.example")
    await place.directory.add(B)
    assert pairs() == set(rows)
    await place.directory.remove("lab-b.example")
    await place.directory.add(card_note("lab-b.example"))
    assert pairs() == {("lab-c.example", OWN)}
