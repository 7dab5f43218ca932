"""A database set back, forked or altered, or a head file that was cut: the node refuses and says why."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from psi_core.errors import NodeRefusing
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer
from psi_core.log.tree import leaf_hash
from psi_service.log.node_log import NodeLog
from psi_service.store.database import DATABASE_FILE, Store

SIGNER = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Node:
    """A node's log that is started, used and stopped again."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.head = folder / "head" / "head"

    async def run(self, entries: int = 0) -> tuple[str | None, bytes]:
        """Start, append, stop; returns the refusal and the last checkpoint (empty when refusing)."""
        with Store.open(self.data, clock) as store:
            log = NodeLog(store, SIGNER, self.head, clock)
            await log.verify_at_start()
            if log.refusal is not None:
                with pytest.raises(NodeRefusing):
                    await store.transaction(lambda db: log.append(db, EntryKind.ADMIN, {}))
                with pytest.raises(NodeRefusing):
                    await log.checkpoint()
                return log.refusal, b""
            for _ in range(entries):
                await store.transaction(lambda db: log.append(db, EntryKind.ADMIN, {}))
            return None, await log.checkpoint()

    async def copies(self, *notes: bytes) -> tuple[str | None, int]:
        """Start and compare what a peer kept; returns the refusal and how many copies fitted."""
        with Store.open(self.data, clock) as store:
            log = NodeLog(store, SIGNER, self.head, clock)
            await log.verify_at_start()
            assert log.refusal is None
            fitting = await log.check_peer_copies(notes, "lab-b.example")
            return log.refusal, fitting

    def sql(self, *statements: str) -> None:
        connection = sqlite3.connect(self.data / DATABASE_FILE)
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_an_untouched_log_goes_on(node: Node) -> None:
    for expected in (5, 10, 15):
        refusal, note = await node.run(5)
        assert refusal is None
        assert Checkpoint.open(note, SIGNER.verifier).size == expected


async def test_a_database_set_back_is_refused(node: Node, tmp_path: Path) -> None:
    await node.run(5)
    shutil.copytree(node.data, tmp_path / "backup")
    await node.run(3)
    shutil.rmtree(node.data)
    shutil.copytree(tmp_path / "backup", node.data)
    refusal, _ = await node.run()
    assert refusal is not None
    assert "set back" in refusal
    assert "8 entries, the database 5" in refusal


async def test_a_database_set_back_that_grew_again_is_refused(node: Node, tmp_path: Path) -> None:
    """Larger than the head file says, and yet another log."""
    await node.run(5)
    shutil.copytree(node.data, tmp_path / "backup")
    head_of_5 = node.head.read_bytes()
    await node.run(3)
    head_of_8 = node.head.read_bytes()
    shutil.rmtree(node.data)
    shutil.copytree(tmp_path / "backup", node.data)
    node.head.write_bytes(head_of_5)
    await node.run(6)
    node.head.write_bytes(head_of_8)
    refusal, _ = await node.run()
    assert refusal is not None
    assert "forked" in refusal


async def test_an_empty_database_beside_a_head_file_is_refused(node: Node) -> None:
    await node.run(2)
    shutil.rmtree(node.data)
    refusal, _ = await node.run()
    assert refusal is not None
    assert "set back" in refusal


async def test_a_missing_head_file_is_refused_unless_the_log_is_empty(node: Node) -> None:
    await node.run(0)
    node.head.unlink()
    assert (await node.run(2))[0] is None
    node.head.unlink()
    refusal, _ = await node.run()
    assert refusal is not None
    assert "missing" in refusal
    assert not node.head.exists()


async def test_a_head_file_cut_anywhere_is_refused(node: Node) -> None:
    await node.run(12)
    whole = node.head.read_bytes()
    for length in range(len(whole)):
        node.head.write_bytes(whole[:length])
        refusal, _ = await node.run()
        assert refusal is not None, length
        assert node.head.read_bytes() == whole[:length]
    node.head.write_bytes(whole)
    assert (await node.run())[0] is None


async def test_a_head_file_of_another_log_is_refused(node: Node) -> None:
    await node.run(2)
    node.head.write_bytes(node.head.read_bytes().replace(b"lab-a", b"lab-c"))
    refusal, _ = await node.run()
    assert refusal is not None
    assert "belongs to the log lab-c.example/psi-log" in refusal


async def test_a_head_file_behind_is_brought_up_to_date(node: Node) -> None:
    """The node died between the commit and the head file."""
    await node.run(4)
    behind = node.head.read_bytes()
    await node.run(3)
    ahead = node.head.read_bytes()
    node.head.write_bytes(behind)
    assert (await node.run())[0] is None
    assert node.head.read_bytes() == ahead


def _altered(db: sqlite3.Connection) -> None:
    data = bytes(db.execute("SELECT data FROM log_entries WHERE position = 3").fetchone()[0])
    old = Entry.decode(data)
    new = Entry(old.kind, old.salt, old.time, old.peer, {"other": 1}).encode()
    db.execute("UPDATE log_entries SET data = ? WHERE position = 3", (new,))


def _altered_with_its_leaf(db: sqlite3.Connection) -> None:
    _altered(db)
    data = bytes(db.execute("SELECT data FROM log_entries WHERE position = 3").fetchone()[0])
    db.execute("UPDATE log_nodes SET hash = ? WHERE level = 0 AND position = 3", (leaf_hash(data),))


def _last_altered_with_its_leaf(db: sqlite3.Connection) -> None:
    """The last leaf of an odd size has no parent: only the head file knows better."""
    db.execute("UPDATE log_entries SET data = ? WHERE position = 10", (b"{}",))
    db.execute("UPDATE log_nodes SET hash = ? WHERE level = 0 AND position = 10", (leaf_hash(b"{}"),))


def _swapped(db: sqlite3.Connection) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        db.execute("UPDATE log_entries SET position = ? WHERE position = ?", (new, old))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_altered, "entry 3 is not the one that was logged"),
        (_altered_with_its_leaf, "node 1 of level 1 was altered"),
        (_last_altered_with_its_leaf, "forked"),
        (_swapped, "entry 3 is not the one that was logged"),
        (lambda db: db.execute("DELETE FROM log_entries WHERE position = 6"), "entry 6 is missing"),
        (lambda db: db.execute("DELETE FROM log_entries WHERE position = 10"), "belong to no entry"),
        (lambda db: db.execute("DELETE FROM log_nodes WHERE level = 2 AND position = 1"), "level 2"),
        (lambda db: db.execute("INSERT INTO log_nodes VALUES (9, 0, zeroblob(32))"), "belong to no entry"),
        (
            lambda db: db.execute("UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 3"),
            "level 3 was altered",
        ),
    ],
)
async def test_an_altered_log_is_refused(
    node: Node, change: Callable[[sqlite3.Connection], object], words: str
) -> None:
    await node.run(11)
    connection = sqlite3.connect(node.data / DATABASE_FILE)
    with connection:
        change(connection)
    connection.close()
    refusal, _ = await node.run()
    assert refusal is not None
    assert words in refusal


async def test_peers_copies_that_fit_leave_the_node_working(node: Node) -> None:
    notes = [(await node.run(3))[1] for _ in range(3)]
    assert await node.copies(*notes) == (None, 3)


async def test_a_peers_copy_shows_that_database_and_head_file_were_both_set_back(
    node: Node, tmp_path: Path
) -> None:
    _, early = await node.run(5)
    shutil.copytree(tmp_path, tmp_path.with_name("backup"))
    _, late = await node.run(3)
    shutil.rmtree(tmp_path)
    shutil.copytree(tmp_path.with_name("backup"), tmp_path)
    refusal, fitting = await node.copies(early, late)
    assert refusal is not None
    assert "set back: the copy at lab-b.example has 8 entries, the database 5" in refusal
    assert fitting == 1
    await node.run(4)
    refusal, _ = await node.copies(late)
    assert refusal is not None
    assert "forked" in refusal


async def test_forged_copies_cannot_stop_the_node(node: Node) -> None:
    _, note = await node.run(3)
    forger = Signer.from_seed(SIGNER.name, bytes(32))
    forged = Checkpoint(SIGNER.name, 1000, bytes(32)).signed(forger)
    cosigned = forged + note.split(b"\n\n")[1]
    another = Signer.from_seed("lab-a.example/psi-log/2", bytes(range(32)))
    other_log = Checkpoint(another.name, 1000, bytes(32)).signed(another)
    assert await node.copies(forged, cosigned, other_log, b"", b"\xff" * 100, note) == (None, 1)
