"""Expiry and erasure on a real store: what goes, what stays, and what the log says of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from psi_core.errors import InputError, NodeRefusing, NotFound
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.fingerprint import fingerprint
from psi_core.kinds.match_key import MatchKey
from psi_core.log.entry import Entry
from psi_service.actors.reference import seal_reference
from psi_service.log.node_log import NodeLog
from psi_service.retention import expiry
from psi_service.retention.service import RetentionService
from psi_service.sessions.freezing import freeze_match_key
from psi_service.sessions.generations import Generations
from psi_service.sessions.members import enter, true_members
from psi_service.sessions.stillness import Stillness
from psi_service.store.database import Store

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PEER = "lab-b.example"
KEY = bytes(range(32))
DATA_KEY = b"d" * 32
PAST, FUTURE = "2026-11-24T09:30:00Z", "2026-11-24T09:30:01Z"
MATCH_KEYS = ("email", "ip+user_agent", "ip")


class Room:
    """A store with actors, frozen sets towards one peer, and retention over it."""

    def __init__(self, folder: Path) -> None:
        keys = NodeKeys.generate("lab-a.example", NOW)
        self.now = NOW
        self.store = Store.open(folder / "data", self.clock)
        self.log = NodeLog(self.store, keys.log, folder / "head", self.clock)
        self.stillness = Stillness()
        self.retention = RetentionService(
            self.store,
            self.log,
            self.clock,
            data_key=DATA_KEY,
            current_key=self.current_key,
            caches=[Generations(self.store, DATA_KEY)],
            standing_still=self.stillness.broken,
        )

    def clock(self) -> datetime:
        return self.now

    async def current_key(self) -> tuple[str, bytes]:
        return "00" * 8, KEY

    async def run(self, work: Any) -> Any:
        return await self.store.transaction(work)

    async def add(self, reference: str, *indicators: tuple[str, str] | tuple[str, str, str]) -> None:
        """An actor with (kind, value[, expires_at])."""
        lookup, sealed = seal_reference(DATA_KEY, reference)

        def work(db: sqlite_utils.Database) -> None:
            row = {"lookup": lookup, "reference": sealed, "created": "2026-01-01T00:00:00Z"}
            actor = db.table("actors").insert(row).last_pk
            for kind, value, *expires in indicators:
                db.conn.execute(
                    "INSERT INTO indicators (actor, kind, fingerprint, expires_at) VALUES (?, ?, ?, ?)",
                    (actor, kind, fingerprint(KEY, kind, value), expires[0] if expires else None),
                )

        await self.run(work)

    async def freeze(self) -> None:
        """Freeze every match key towards the peer, and let everything in the sets match."""

        def work(db: sqlite_utils.Database) -> None:
            frozen = [
                freeze_match_key(
                    db,
                    self.store.path.parent,
                    peer=PEER,
                    match_key=name,
                    consortium_key=KEY,
                    padding_bucket=64,
                    now="2026-01-01T00:00:00Z",
                )
                for name in MATCH_KEYS
            ]
            for each in frozen:
                enter(db, PEER, each.match_key, each.changes)
            db.conn.execute(
                "INSERT OR IGNORE INTO sessions (session_id, agreement, peer, initiator, responder, state, direction,"
                " reveal, period, counter, offer, started) VALUES ('s', x'00', 'p', 'a', 'b', 'complete', 'both',"
                " 'items', 0, 1, x'00', 't')"
            )
            for each in frozen:
                rows = [
                    (each.match_key, element, actor)
                    for place, element in enumerate(each.snapshot.elements)
                    for actor in each.actors(place)
                ]
                db.conn.executemany(
                    "INSERT INTO matches (peer, match_key, fingerprint, actor, first_session, last_session)"
                    f" VALUES ('{PEER}', ?, ?, ?, 's', 's')",
                    rows,
                )
                db.conn.executemany(
                    "INSERT INTO session_matches (session_id, match_key, fingerprint, actor) VALUES ('s', ?, ?, ?)",
                    rows,
                )

        await self.run(work)

    async def counts(self) -> dict[str, int]:
        tables = ("actors", "indicators", "matches", "session_matches")

        def work(db: sqlite_utils.Database) -> dict[str, int]:
            found = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
            return {**found, "members": len(_members(db))}

        return await self.store.query(work)

    async def elements(self, table: str) -> set[bytes]:
        if table == "members":
            return set(await self.store.query(_members))
        return await self.store.query(
            lambda db: {bytes(row[0]) for row in db.execute(f"SELECT fingerprint FROM {table}")}
        )

    async def logged(self) -> list[dict[str, Any]]:
        return [Entry.decode(data).body for data in await self.log.entries(0, 100)]


def _members(db: sqlite_utils.Database) -> list[bytes]:
    return [each for name in MATCH_KEYS for each in true_members(db, PEER, name)]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path)
    await made.log.verify_at_start()
    yield made
    await made.store.close()


def joined(*values: tuple[str, str]) -> bytes:
    by_kind = {kind: [fingerprint(KEY, kind, value)] for kind, value in values}
    (element,) = MatchKey.parse("ip+user_agent").fingerprints(KEY, by_kind)
    return element


async def test_what_has_expired_goes_with_its_matches_and_salts_and_nothing_else_does(room: Room) -> None:
    await room.add("ada", ("email", "a@x.org", PAST), ("email", "b@x.org", FUTURE), ("email", "c@x.org"))
    await room.add("bob", ("ipv4", "192.0.2.1", PAST), ("ipv4", "192.0.2.2"), ("user_agent", "curl"))
    await room.freeze()
    before = await room.elements("matches")
    assert await room.elements("members") == before
    assert await room.retention.expire() == 2
    gone = {
        fingerprint(KEY, "email", "a@x.org"),
        fingerprint(KEY, "ipv4", "192.0.2.1"),
        joined(("ipv4", "192.0.2.1"), ("user_agent", "curl")),
    }
    assert gone < before
    for table in ("members", "matches", "session_matches"):
        assert await room.elements(table) == before - gone
    assert (await room.counts())["actors"] == 2
    assert await room.logged() == [{"action": "indicators-expired"}]
    assert await room.retention.expire() == 0
    assert len(await room.logged()) == 1, "what does nothing is not logged"
    room.now += timedelta(seconds=1)
    assert await room.retention.expire() == 1


async def test_an_actor_without_indicators_goes_too(room: Room) -> None:
    await room.add("ada", ("email", "a@x.org", PAST))
    await room.add("bob", ("email", "b@x.org"))
    await room.freeze()
    await room.retention.expire()
    assert await room.counts() == {
        "actors": 1,
        "indicators": 1,
        "matches": 1,
        "session_matches": 1,
        "members": 1,
    }


async def test_many_go_in_small_transactions(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "ACTORS_AT_ONCE", 2)
    for number in range(5):
        await room.add(f"actor-{number}", ("email", f"{number}@x.org", PAST))
    assert await room.retention.expire() == 5
    assert len(await room.logged()) == 3


async def test_a_match_on_a_value_that_another_row_keeps_stays(room: Room) -> None:
    await room.add("ada", ("email", "a@x.org", PAST), ("user_agent", "curl"))
    await room.add("bob", ("email", "a@x.org"))
    await room.freeze()
    await room.retention.expire()
    assert (await room.counts())["matches"] == 1


async def test_the_preview_says_what_goes_and_changes_nothing(room: Room) -> None:
    await room.add("ada", ("email", "a@x.org"), ("ipv4", "192.0.2.1"), ("user_agent", "curl"))
    await room.freeze()
    before = await room.counts()
    found = await room.retention.preview("ada")
    assert [(each.kind, each.count) for each in found.kinds] == [("email", 1), ("ipv4", 1), ("user_agent", 1)]
    assert (found.matches, found.peers, found.erased) == (3, (PEER,), False)
    assert await room.counts() == before
    assert await room.logged() == []
    assert "ada" not in repr(found)


async def test_an_erased_actor_leaves_nothing_behind_but_what_keeps_it_out(
    room: Room, tmp_path: Path
) -> None:
    await room.add("ada", ("email", "a@x.org"), ("ipv4", "192.0.2.1"), ("user_agent", "curl"))
    await room.add("bob", ("email", "b@x.org"))
    await room.freeze()
    lookup, _ = seal_reference(DATA_KEY, "ada")
    staged = (
        "INSERT INTO staged_indicators (import, lookup, reference, kind, fingerprint, derived)"
        " VALUES (1, ?, ?, ?, ?, 0)"
    )
    await room.run(
        lambda db: (
            db.conn.execute("INSERT INTO imports (id, name, state, started) VALUES (1, 'f', 'running', 't')")
            and db.conn.execute(staged, (lookup, b"r", "email", b"f"))
            and None
        )
    )
    done = await room.retention.erase("ada", "token 2")
    assert (done.matches, done.erased) == (3, True)
    assert await room.counts() == dict.fromkeys(
        ("actors", "indicators", "matches", "session_matches", "members"), 1
    )
    assert await room.logged() == [{"action": "actor-erased", "by": "token 2"}]
    with pytest.raises(NotFound):
        await room.retention.erase("ada", "token 2")
    erased = await room.store.query(
        lambda db: db.execute("SELECT lookup, erased FROM erased_actors").fetchall()
    )
    assert erased == [(lookup, PAST)]
    assert await room.store.query(
        lambda db: db.execute("SELECT count(*) FROM staged_indicators").fetchone()
    ) == (0,)


async def test_what_was_deleted_is_overwritten_in_the_file(room: Room) -> None:
    await room.add("ada", ("email", "a@x.org"))
    await room.add("bob", ("email", "b@x.org"))
    gone, kept = (fingerprint(KEY, "email", f"{name}@x.org") for name in "ab")
    await room.retention.erase("ada", "token 1")
    await room.store.close()
    # The last connection to close folds the write-ahead log into the file.
    content = await asyncio.to_thread(room.store.path.read_bytes)
    assert kept in content
    assert gone not in content


async def test_what_was_deleted_is_not_in_the_journal_either(room: Room) -> None:
    journal = room.store.path.with_name(f"{room.store.path.name}-wal")
    await room.add("ada", ("email", "a@x.org"))
    await room.add("bob", ("email", "b@x.org", PAST))
    gone = [fingerprint(KEY, "email", f"{name}@x.org") for name in "ab"]
    assert all(each in journal.read_bytes() for each in gone)
    await room.retention.erase("ada", "token 1")
    assert gone[0] not in journal.read_bytes() + room.store.path.read_bytes()
    await room.retention.expire()
    assert gone[1] not in journal.read_bytes() + room.store.path.read_bytes()


async def test_nothing_goes_that_cannot_be_logged(room: Room) -> None:
    await room.add("ada", ("email", "a@x.org", PAST))
    room.log.refusal = "set back"
    before = await room.counts()
    for call in (room.retention.expire(), room.retention.erase("ada", "token 1")):
        with pytest.raises(NodeRefusing):
            await call
    assert await room.counts() == before
    assert (await room.retention.preview("ada")).erased is False


@pytest.mark.parametrize("reference", ["", "x" * 257, "a\x00b"])
async def test_what_cannot_be_a_reference(room: Room, reference: str) -> None:
    with pytest.raises(InputError):
        await room.retention.preview(reference)
