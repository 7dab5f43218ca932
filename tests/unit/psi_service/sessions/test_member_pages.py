"""Elements and salts of a frozen set, page by page: the same as one sorted list, whatever enters and leaves."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlite_utils
from hypothesis import given
from hypothesis import strategies as st

from psi_core.session.packed import Packed
from psi_core.session.snapshot import SALT_BYTES
from psi_service.clock import system_clock
from psi_service.sessions import member_pages
from psi_service.sessions.member_pages import change_pages, forget_members, read_pages
from psi_service.sessions.members import current_members, known_members
from psi_service.store.database import Store
from psi_service.store.migrations import migrate, migrations
from psi_service.store.wiping import wiped

PEER = "lab-b.example"
_NAMES = "SELECT first FROM member_pages ORDER BY first"
NUMBERS = st.sets(st.integers(0, 255), max_size=60)
each_core = pytest.mark.usefixtures("each_core")


def element(number: int) -> bytes:
    return bytes([number]) * 32


def packed(rows: Mapping[bytes, bytes]) -> tuple[Packed, Packed]:
    return Packed.of(sorted(rows)), Packed.of((rows[each] for each in sorted(rows)), SALT_BYTES)


def held(db: sqlite_utils.Database, match_key: str = "email") -> dict[bytes, bytes]:
    elements, salts = read_pages(db, PEER, match_key)
    assert list(elements) == sorted(set(elements))
    return dict(zip(elements, salts, strict=True))


def fresh() -> sqlite_utils.Database:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    return sqlite_utils.Database(connection)


@each_core
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=6))
def test_pages_hold_what_a_dictionary_would(steps: list[tuple[set[int], set[int], set[int]]]) -> None:
    expected: dict[bytes, bytes] = {}
    with patch.object(member_pages, "_PAGE", 4), closing(fresh()) as db:
        other = packed({element(7): b"o" * SALT_BYTES})
        change_pages(db, PEER, "iban", other, ())
        for turn, (come, go, purged) in enumerate(steps):
            entered = {element(at): bytes([turn]) * SALT_BYTES for at in come if element(at) not in expected}
            left = [each for each in map(element, go) if each in expected]
            change_pages(db, PEER, "email", packed(entered), Packed.of(sorted(left)))
            expected = {each: salt for each, salt in expected.items() if each not in left} | entered
            assert held(db) == expected
            forget_members(db, PEER, "email", map(element, purged))
            expected = {each: salt for each, salt in expected.items() if each[0] not in purged}
            assert held(db) == expected
        assert held(db, "iban") == {element(7): b"o" * SALT_BYTES}
        sizes = [len(each) // 32 for (each,) in db.execute("SELECT elements FROM member_pages")]
        assert max(sizes) <= 8


def test_a_change_writes_only_the_pages_that_it_falls_on() -> None:
    with patch.object(member_pages, "_PAGE", 4), closing(fresh()) as db:
        change_pages(
            db, PEER, "email", packed({element(at): bytes(SALT_BYTES) for at in range(0, 200, 2)}), ()
        )
        before = db.conn.total_changes
        change_pages(db, PEER, "email", packed({element(51): bytes(SALT_BYTES)}), [element(150)])
        assert db.conn.total_changes - before == 2
        change_pages(db, PEER, "email", packed({}), ())
        forget_members(db, PEER, "email", [element(53)])
        assert db.conn.total_changes - before == 2


def test_what_is_purged_is_overwritten_in_the_file(tmp_path: Path) -> None:
    gone, stays = bytes(range(32)), bytes(range(100, 132))
    rows = {gone: b"purged salt here", stays: b"this salt stays."}
    rows |= {element(at): bytes([at]) * SALT_BYTES for at in range(200)}
    with Store.open(tmp_path, system_clock) as store:
        store.transaction_now(lambda db: change_pages(db, PEER, "email", packed(rows), ()))
        # The page is written again, shorter and longer, where SQLite by itself would leave what was there.
        for at in range(200, 230):
            more = packed({element(at): bytes([at]) * SALT_BYTES})
            leaves = [element(each) for each in range(6 * at - 1200, 6 * at - 1194)]
            store.transaction_now(
                lambda db, more=more, leaves=leaves: change_pages(db, PEER, "email", more, leaves)
            )

        def purge(db: sqlite_utils.Database) -> None:
            with wiped(db):
                forget_members(db, PEER, "email", [gone])

        store.transaction_now(purge)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert (gone in written, rows[gone] in written) == (False, False)
    assert (stays in written, rows[stays] in written) == (True, True)


@pytest.mark.parametrize("leaves", [False, True], ids=["purged", "left"])
def test_no_page_is_named_by_what_is_gone(tmp_path: Path, *, leaves: bool) -> None:
    rows = {hashlib.sha256(at.to_bytes(2)).digest(): bytes(SALT_BYTES) for at in range(2000)}
    with Store.open(tmp_path, system_clock) as store:
        store.transaction_now(lambda db: change_pages(db, PEER, "email", packed(rows), ()))
        names = [first for (first,) in store.query_now(lambda db: db.execute(_NAMES).fetchall())]
        gone = names[1:]
        assert len(gone) > 5
        # One page becomes empty, too.
        gone += [each for each in rows if names[2] < each < names[3]]

        def forget(db: sqlite_utils.Database) -> None:
            with wiped(db):
                if leaves:
                    change_pages(db, PEER, "email", packed({}), sorted(gone))
                else:
                    forget_members(db, PEER, "email", gone)

        store.transaction_now(forget)
        assert set(store.query_now(held)) == rows.keys() - set(gone)
        come = {each: bytes(SALT_BYTES) for each in gone[1::2]}
        store.transaction_now(lambda db: change_pages(db, PEER, "email", packed(come), ()))
        assert set(store.query_now(held)) == rows.keys() - set(gone) | come.keys()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [each for each in gone if each not in come and each in written]


def test_sets_of_an_earlier_version_come_over_whole(tmp_path: Path) -> None:
    """Rows, one an element, in any order; two peers; zeros and what is no UTF-8; dummies, one of them spare."""
    earlier = {number: text for number, text in migrations().items() if number <= 12}
    rows = {(1 + 7919 * at % 1301).to_bytes(16) * 2: (at * 2**100).to_bytes(SALT_BYTES) for at in range(1300)}
    insert = (
        "INSERT INTO members (peer, match_key, fingerprint, salt, dummy, spare) VALUES (?, ?, ?, ?, ?, ?)"
    )
    with closing(sqlite3.connect(tmp_path / "node.db", isolation_level=None)) as connection:
        with patch("psi_service.store.migrations.migrations", lambda: earlier):
            migrate(connection)
        connection.executemany(insert, ((PEER, "email", *row, 0, 0) for row in rows.items()))
        connection.execute(insert, ("lab-c.example", "email", element(5), bytes(SALT_BYTES), 0, 0))
        for dummy, spare in ((b"d" * 32, 0), (b"a" * 32, 1), (b"e" * 32, 0)):
            connection.execute(insert, (PEER, "email", dummy, dummy[:SALT_BYTES], 1, spare))
        migrate(connection)
        db = sqlite_utils.Database(connection)
        assert held(db) == rows
        known = known_members(db, PEER, "email")
        assert known.dummies == tuple((each * 32, each * SALT_BYTES) for each in (b"d", b"e", b"a"))
        assert list(current_members(db, PEER, "email").elements) == [*sorted(rows), b"d" * 32, b"e" * 32]
        assert list(current_members(db, "lab-c.example", "email").elements) == [element(5)]
        new = bytes(31) + b"\1"
        change_pages(db, PEER, "email", packed({new: bytes(SALT_BYTES)}), list(rows))
        assert held(db) == {new: bytes(SALT_BYTES)}


def test_pages_that_an_earlier_version_left_under_the_name_of_what_is_gone_are_named_anew(
    tmp_path: Path,
) -> None:
    earlier = {number: text for number, text in migrations().items() if number <= 13}
    stale, empty = hashlib.sha256(b"purged").digest(), hashlib.sha256(b"purged too").digest()
    pages = {b"": element(0), stale: b"\xff" * 32, empty: b""}
    insert = "INSERT INTO member_pages (peer, match_key, first, elements, salts) VALUES (?, ?, ?, ?, ?)"
    with closing(sqlite3.connect(tmp_path / "node.db", isolation_level=None)) as connection:
        with patch("psi_service.store.migrations.migrations", lambda: earlier):
            migrate(connection)
        for first, elements in pages.items():
            connection.execute(insert, (PEER, "email", first, elements, elements[:SALT_BYTES]))
        migrate(connection)
        db = sqlite_utils.Database(connection)
        assert [first for (first,) in db.execute(_NAMES)] == [b"", b"\xff" * 32]
        assert list(held(db)) == [element(0), b"\xff" * 32]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert stale not in written
    assert empty not in written
