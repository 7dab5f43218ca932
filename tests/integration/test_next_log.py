"""The next log of a node: a rotated key, or a new start after a loss. Peers pin the new card, and sessions run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from psi_client.audit import Auditor, Claim, State
from psi_client.node_client import NodeClient
from psi_core.errors import Conflict, InvalidConfiguration, NodeRefusing, NotFound, PeerUnreachable
from psi_core.identity.card import Card
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.note import Note
from psi_core.log.succession import Continuation, successor
from psi_service.clock import system_clock
from psi_service.identity.key_files import read_keys
from psi_service.log.past import export_past
from psi_service.node.reach import node_without_ports
from psi_service.recovery.key_files import finish
from psi_service.store.reading import reading
from tests.lost_logs import (
    NEW,
    OLD,
    behind,
    card_of,
    content,
    exported,
    ledger,
    match,
    new_start,
    pinned_anew,
    ready,
    rotate,
    set_back,
)
from tests.two_nodes import LABS, Place


def entries(place: Place, table: str = "log_entries") -> list[Entry]:
    with reading(place.data_dir) as db:
        rows = db.conn.execute(f"SELECT data FROM {table} ORDER BY position").fetchall()
    return [Entry.decode(data) for (data,) in rows]


async def test_a_rotated_key_begins_the_next_log_and_peers_go_on_once_they_pinned_the_card(
    tmp_path: Path,
) -> None:
    a, b = await ready(tmp_path)
    old_card, books = card_of(a), ledger(a)
    async with b.running():
        done = await rotate(a)
        assert (done.origin, done.before, done.cosigned) == (NEW, OLD, (LABS[1],))
        card = card_of(a)
        assert (card.log_origin, card.document_key) == (NEW, old_card.document_key)
        assert read_keys(a.settings.keys_dir, LABS[0]).log.verifier == card.log_verifier
        assert ledger(a) == books
        first, second = entries(a)[:2]
        continuation = Continuation.of(first)
        assert continuation is not None
        head = continuation.verified()
        assert (continuation.reason, continuation.key) == ("rotated", old_card.log_verifier)
        assert Note.parse(continuation.checkpoint).verified_by(card_of(b).cosigner_verifier)
        assert second.kind is EntryKind.CARD
        old = entries(a, "past_log_entries")
        assert (successor(old[-1]), len(old)) == (card.log_verifier, head.size)
        async with a.running():
            assert (await a.ask(NodeClient.log))["origin"] == NEW
            refused = await match(a, LABS[1])
            assert refused["state"] != "complete", "lab-b has the old card"
            await pinned_anew(b, a)
            # lab-b could not verify the Offer before: its counter is accounted for first, as a gap.
            assert "counter" in (await match(a, LABS[1]))["reason"]
            assert (await match(a, LABS[1], engine="oprf"))["state"] == "complete"
            assert (await match(b, LABS[0]))["state"] == "complete"
    with reading(a.data_dir) as db:
        export_past(db, OLD, tmp_path / "old")
    assert Checkpoint.open((tmp_path / "old/checkpoint").read_bytes(), old_card.log_verifier) == head
    async with a.running():
        fetched = tmp_path / "fetched"
        made = await a.ask(lambda client: client.export_log(fetched, past=1))
        assert (made.origin, made.size) == (OLD, head.size)
        with pytest.raises(NotFound):
            await a.ask(lambda client: client.export_log(tmp_path / "none", past=2))
    there = sorted(path.relative_to(fetched) for path in fetched.rglob("*") if path.is_file())
    for path in there:
        assert (fetched / path).read_bytes() == (tmp_path / "old" / path).read_bytes()
    assert len(there) == len([path for path in (tmp_path / "old").rglob("*") if path.is_file()])
    with reading(b.data_dir) as db:
        origins = {
            row[0] for row in db.conn.execute("SELECT DISTINCT origin FROM peer_checkpoints").fetchall()
        }
    assert origins == {OLD, NEW}, "what is known of the old log stays evidence"


async def test_without_a_peer_to_cosign_nothing_is_rotated_unless_it_is_asked_for(tmp_path: Path) -> None:
    a, _ = await ready(tmp_path)
    before = content(a)[0]
    with pytest.raises(PeerUnreachable, match="--uncosigned"):
        await rotate(a)
    assert content(a)[0] == before
    assert (await rotate(a, uncosigned=True)).cosigned == ()
    again = await rotate(a, uncosigned=True)
    assert (again.origin, again.before) == ("lab-a.example/psi-log/3", NEW)


async def test_an_older_card_does_not_take_the_place_of_a_newer_one(tmp_path: Path) -> None:
    a, b = await ready(tmp_path)
    old = (a.data_dir / "card").read_text()
    await rotate(a, uncosigned=True)
    async with b.running():
        await pinned_anew(b, a)
        with pytest.raises(Conflict, match="another card"):
            await b.ask(lambda client: client.add_peer(old))


async def whole_audit(folder: Path, a: Place, b: Place, old_card: Card) -> dict[str, list[Claim]]:
    """Every claim of lab-a's old and new log and of lab-b's, by name; all of them together."""
    with reading(a.data_dir) as db:
        export_past(db, OLD, folder / "audit-old")
    folders = [folder / "audit-old", await exported(a, "audit-new"), await exported(b, "audit-b")]
    keys = [old_card.log_verifier]
    for card in (card_of(a), card_of(b)):
        keys += [card.log_verifier, card.document_verifier, card.cosigner_verifier]
    found: dict[str, list[Claim]] = {}
    for claim in Auditor(keys).verify(folders).claims:
        found.setdefault(claim.name, []).append(claim)
    return found


def states(claims: dict[str, list[Claim]], name: str) -> set[State]:
    return {claim.state for claim in claims[name]}


def broken(claims: dict[str, list[Claim]]) -> list[str]:
    return [
        f"{each.name}: {each.words}"
        for found in claims.values()
        for each in found
        if each.state is State.BROKEN
    ]


async def test_an_audit_follows_a_rotated_key(tmp_path: Path) -> None:
    a, b = await ready(tmp_path)
    old_card = card_of(a)
    async with b.running():
        await rotate(a)
        async with a.running():
            await pinned_anew(b, a)
            assert (await match(a, LABS[1], engine="oprf"))["state"] == "complete"
            assert (await match(b, LABS[0]))["state"] == "complete"
    found = await whole_audit(tmp_path, a, b, old_card)
    assert broken(found) == []
    for name in (
        *(
            "succession of logs",
            "one log continues the other",
            "no fork between the labs",
            "session in both logs",
        ),
        *("same record in both logs", "counters complete", "records chained", "budgets kept"),
        *("sessions within their agreement", "sets committed before their session", "no session replayed"),
    ):
        assert states(found, name) == {State.PROVEN}, (name, found[name])


@pytest.mark.parametrize("keeping", [True, False])
async def test_an_audit_follows_a_new_start_and_says_what_is_lost(tmp_path: Path, keeping: bool) -> None:
    a, b = await behind(tmp_path, keeping=keeping)
    old_card = card_of(a)
    if keeping:
        # The head file remembers an entry that nobody else has seen: the log itself cannot go on.
        lost = Place(tmp_path / "lost")
        async with node_without_ports(lost.settings, system_clock) as node:
            body = {"action": "private"}
            await node.services.store.transaction(
                lambda db: node.services.log.append(db, EntryKind.ADMIN, body)
            )
        shutil.copy(lost.settings.head_path, a.settings.head_path)
    async with b.running():
        await new_start(a)
        async with a.running():
            await pinned_anew(b, a)
            assert (await match(a, LABS[1], engine="oprf"))["state"] == "complete"
            assert (await match(b, LABS[0]))["state"] == "complete"
    found = await whole_audit(tmp_path, a, b, old_card)
    assert broken(found) == []
    (claim,) = found["one log continues the other"]
    assert (claim.state, "are lost" in claim.words) == (State.NOT_PROVABLE, True)
    assert states(found, "session in both logs") == {State.PROVEN}
    # Without what lab-b could keep, the old log ends before the first session.
    empty = set() if keeping else {State.NOT_PROVABLE}
    assert states(found, "same record in both logs") == {State.PROVEN} | empty
    assert states(found, "budgets kept") == {State.PROVEN}
    assert states(found, "no fork between the labs") == {State.PROVEN} | empty


POINTS = ("close_log", "cosigned_checkpoint", "begin_log")


@pytest.mark.parametrize("point", POINTS)
async def test_a_rotation_that_was_broken_off_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    a, b = await ready(tmp_path)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    async with b.running():
        with monkeypatch.context() as dying:
            dying.setattr(f"psi_service.recovery.renewing.{point}", die)
            with pytest.raises(KeyboardInterrupt):
                await rotate(a)
        if point != "close_log":
            async with node_without_ports(a.settings, system_clock) as node:
                assert "psi-node log rotate" in str(node.services.log.refusal)
        closed = [each for each in entries(a) if successor(each) is not None]
        assert len(closed) == (point != "close_log")
        done = await rotate(a)
    assert (done.origin, done.cosigned) == (NEW, (LABS[1],))
    old = entries(a, "past_log_entries")
    assert [successor(each) is not None for each in old].count(True) == 1
    assert successor(old[-1]) == card_of(a).log_verifier


async def test_the_head_file_of_a_later_log_is_no_change_to_finish(tmp_path: Path) -> None:
    """A folder from before the newest log began, the head file on another disk: that file alone knows better."""
    a, _ = await ready(tmp_path)
    await rotate(a, uncosigned=True)
    shutil.copytree(a.data_dir, tmp_path / "before")
    await rotate(a, uncosigned=True)
    head = a.settings.head_path.read_bytes()
    set_back(a, tmp_path / "before")
    a.settings.head_path.write_bytes(head)
    assert finish(a.settings) is None
    assert a.settings.head_path.read_bytes() == head
    async with node_without_ports(a.settings, system_clock) as node:
        assert "a later log of this lab" in str(node.services.log.refusal)
    assert (await new_start(a, without=(LABS[1],))).origin == "lab-a.example/psi-log/4"


@pytest.mark.parametrize("left", ["key", "card", "head"])
async def test_files_that_were_not_put_into_place_are_by_the_next_run(tmp_path: Path, left: str) -> None:
    a, b = await ready(tmp_path)
    head, card = a.settings.head_path.read_bytes(), (a.data_dir / "card").read_bytes()
    key = a.settings.keys_dir / "log.key"
    old_key = key.read_bytes()
    await rotate(a, uncosigned=True)
    if left == "key":
        key.replace(a.settings.keys_dir / "log.key.next")
        key.write_bytes(old_key)
        key.chmod(0o600)
    if left in ("key", "card"):
        (a.data_dir / "card").write_bytes(card)
    a.settings.head_path.write_bytes(head)
    if left == "card":
        with pytest.raises(InvalidConfiguration):
            async with a.running():
                pass
    else:
        async with node_without_ports(a.settings, system_clock) as node:
            assert node.services.log.refusal
    assert finish(a.settings) is not None
    assert finish(a.settings) is None
    async with a.running(), b.running():
        assert (await a.ask(NodeClient.log)) == {"origin": NEW, "size": 2, "refusal": None}


async def test_a_new_start_names_what_is_known_and_takes_sessions_back(tmp_path: Path) -> None:
    a, b = await behind(tmp_path, keeping=False)
    known, forked = ledger(Place(tmp_path / "lost")), ledger(a)
    assert known != forked
    async with b.running():
        async with node_without_ports(a.settings, system_clock) as node:
            with pytest.raises(NodeRefusing, match="psi-node log new-start"):
                await node.recovering.recover((), ())
        done = await new_start(a)
        assert done.known > done.size
        assert (done.origin, done.sessions, done.withheld) == (NEW, 1, 0)
        assert ledger(a) == known
        continuation = Continuation.of(entries(a)[0])
        assert continuation is not None
        assert (continuation.reason, continuation.known) == ("lost", done.known)
        assert continuation.verified().size == done.size
        async with a.running():
            await pinned_anew(b, a)
            assert (await match(a, LABS[1]))["state"] == "complete"
            assert (await match(b, LABS[0], engine="oprf"))["state"] == "complete"
    with reading(a.data_dir) as db:
        assert export_past(db, OLD, tmp_path / "old").size == done.size


async def test_a_new_start_keeps_what_peers_keep_of_the_old_log(tmp_path: Path) -> None:
    """The head file knows more than anyone: the log cannot go on, but what lab-b keeps comes back."""
    a, b = await behind(tmp_path)
    lost = Place(tmp_path / "lost")
    async with node_without_ports(lost.settings, system_clock) as node:
        body = {"action": "private", "n": 1}
        await node.services.store.transaction(lambda db: node.services.log.append(db, EntryKind.ADMIN, body))
    shutil.copy(lost.settings.head_path, a.settings.head_path)
    async with b.running():
        done = await new_start(a)
    assert (done.known, done.sessions, done.logged) == (done.size + 1, 1, 0)
    assert ledger(a) == ledger(lost)


async def test_a_whole_log_is_not_begun_anew(tmp_path: Path) -> None:
    a, b = await ready(tmp_path)
    async with b.running():
        with pytest.raises(Conflict, match="psi-node log rotate"):
            await new_start(a)
    assert card_of(a).log_origin == OLD


async def test_a_new_start_without_a_peer_withholds_its_budgets(tmp_path: Path) -> None:
    a, b = await behind(tmp_path, keeping=False)
    a.settings.head_path.unlink()
    done = await new_start(a, without=(LABS[1],), number=7)
    assert (done.origin, done.sessions, done.withheld) == ("lab-a.example/psi-log/7", 0, 2)
    async with b.running(), a.running():
        await pinned_anew(b, a)
        first = await match(a, LABS[1])
        assert first["state"] == "refused", "the counter was spent before"
        second = await match(a, LABS[1])
        # The Refuse showed what had been forgotten: sessions and budgets are back, from lab-b's log.
        assert second["state"] == "complete", second
    assert len(ledger(a)[0]) == 3
