"""The elements of a set and whom they stand for: the same with and without the native core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlite_utils

from psi_core.kinds.match_key import MatchKey
from psi_core.session.items import CANARY_PLACES
from psi_service.clock import system_clock
from psi_service.sessions.freezing import Frozen, freeze_match_key
from psi_service.sessions.members import current_members, enter
from psi_service.sessions.owned import owned_elements
from psi_service.store.database import Store

KEY = b"k" * 32
NOW = "2026-01-01T00:00:00Z"
INDICATORS = [
    (1, "email", b"e" * 32, None),
    (2, "email", b"e" * 32, None),
    (2, "email", b"a" * 32, None),
    (3, "email", b"x" * 32, "2025-12-31T00:00:00Z"),
    (4, "email", b"z" * 32, "2026-02-01T00:00:00Z"),
    (5, "ipv4", b"4" * 32, None),
    (5, "ipv6", b"6" * 32, None),
    (6, "ipv6", b"4" * 32, None),
]


pytestmark = pytest.mark.usefixtures("each_core")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, system_clock) as store:
        store.transaction_now(_write)
        yield store


def _write(db: sqlite_utils.Database) -> None:
    actors = sorted({actor for actor, *_ in INDICATORS})
    db.conn.executemany(
        "INSERT INTO actors (id, lookup, reference, created) VALUES (?, ?, x'00', 't')",
        [(actor, bytes([actor]) * 32) for actor in actors],
    )
    db.conn.executemany(
        "INSERT INTO indicators (actor, kind, fingerprint, expires_at) VALUES (?, ?, ?, ?)", INDICATORS
    )


def _frozen(store: Store, name: str = "email") -> Frozen:
    def work(db: sqlite_utils.Database) -> Frozen:
        found = freeze_match_key(
            db,
            store.path.parent,
            peer="lab-b.example",
            match_key=name,
            consortium_key=KEY,
            padding_bucket=64,
            now=NOW,
        )
        enter(db, "lab-b.example", name, found.changes)
        return found

    return store.transaction_now(work)


def test_an_element_stands_for_all_its_actors_and_expired_ones_are_not_there(store: Store) -> None:
    owned = store.query_now(lambda db: owned_elements(db, MatchKey.parse("email"), KEY, NOW))
    assert list(owned.elements) == [b"a" * 32, b"e" * 32, b"z" * 32]
    assert [owned.actors_at(place) for place in range(3)] == [(2,), (1, 2), (4,)]
    assert owned.actors_of(b"e" * 32) == (1, 2)
    assert owned.actors_of(b"x" * 32) == owned.actors_of(b"y" * 32) == ()


def test_elements_of_any_bytes_are_read_whole_also_far_apart(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psi_service.sessions.owned._ACTORS", 3)
    # Zeros, no UTF-8, a byte-order mark: what text would not survive.
    given = {bytes([at]) * 32: 1000 + at for at in range(256)} | {
        b"\xef\xbb\xbf\x00" * 8: 2**40,
        bytes(31) + b"1": 1,
    }

    def write(db: sqlite_utils.Database) -> None:
        actors = [(actor, actor.to_bytes(32)) for actor in given.values() if actor > 6]
        db.conn.executemany(
            "INSERT INTO actors (id, lookup, reference, created) VALUES (?, ?, x'00', 't')", actors
        )
        rows = [(actor, element) for element, actor in given.items()]
        db.conn.executemany("INSERT INTO indicators (actor, kind, fingerprint) VALUES (?, 'iban', ?)", rows)

    store.transaction_now(write)
    owned = store.query_now(lambda db: owned_elements(db, MatchKey.parse("iban"), KEY, NOW))
    assert list(owned.elements) == sorted(given)
    assert {element: owned.actors_of(element) for element in given} == {
        element: (actor,) for element, actor in given.items()
    }


def test_two_stored_kinds_of_one_match_key_are_one_set(store: Store) -> None:
    owned = store.query_now(lambda db: owned_elements(db, MatchKey.parse("ip"), KEY, NOW))
    assert [(each[:1], owned.actors_of(each)) for each in owned.elements] == [(b"4", (5, 6)), (b"6", (5,))]


def test_a_frozen_set_has_its_actors_at_the_places_of_its_leaves(store: Store) -> None:
    frozen = _frozen(store)
    elements = frozen.snapshot.elements
    assert len(elements) == 64 - CANARY_PLACES
    found = {element: frozen.actors(place) for place, element in enumerate(elements) if frozen.actors(place)}
    assert found == {b"a" * 32: (2,), b"e" * 32: (1, 2), b"z" * 32: (4,)}
    frozen.release()
    assert sum(frozen.snapshot.is_dummy(place) for place in range(len(elements))) == len(elements) - 3


def test_salts_stay_with_what_stays_and_what_left_is_forgotten(store: Store) -> None:
    first = _frozen(store)
    before = store.query_now(lambda db: current_members(db, "lab-b.example", "email"))
    assert first.changes.true == 3
    again = _frozen(store)
    assert again.snapshot.root == first.snapshot.root
    assert (len(again.changes.entered), len(again.changes.left)) == (0, 0)
    store.transaction_now(lambda db: db.execute("DELETE FROM indicators WHERE actor = 4"))
    changed = _frozen(store)
    assert list(changed.changes.left) == [b"z" * 32]
    assert (len(changed.changes.entered), changed.changes.true) == (1, 0)
    after = store.query_now(lambda db: current_members(db, "lab-b.example", "email"))
    salts = dict(zip(before.elements, before.salts, strict=True))
    assert (len(after.elements), after.true) == (64 - CANARY_PLACES, 2)
    assert all(
        salts.get(element, salt) == salt for element, salt in zip(after.elements, after.salts, strict=True)
    )
    assert b"z" * 32 not in list(after.elements)
