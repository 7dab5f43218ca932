"""Readiness: each of the things that make a node unfit, and that asking often costs one write."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from psi_core.identity.node_keys import NodeKeys
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store
from psi_service.watching.readiness import KEPT, Readiness

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Watched:
    """A store with a log, and a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.open = True
        self.store = Store.open(folder / "data", self.clock)
        self.log = NodeLog(
            self.store, NodeKeys.generate("lab-a.example", NOW).log, folder / "head", self.clock
        )
        self.readiness = Readiness(self.store, self.log, self.clock, lambda: self.open)

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    found = Watched(tmp_path)
    await found.log.verify_at_start()
    yield found
    await found.store.close()


async def test_a_node_whose_parts_are_in_order_is_ready(watched: Watched) -> None:
    assert await watched.readiness.ready()


async def test_a_log_that_was_not_checked_or_that_refuses_is_not(tmp_path: Path) -> None:
    unchecked = Watched(tmp_path)
    assert not await unchecked.readiness.ready()
    await unchecked.store.close()


async def test_closed_ports_are_not(watched: Watched) -> None:
    watched.open = False
    assert not await watched.readiness.ready()


async def test_a_store_that_takes_no_writes_is_noticed_after_a_while_and_its_mending_too(
    watched: Watched,
) -> None:
    assert await watched.readiness.ready()
    # As a full disk does: the database may not grow, and neither may its write-ahead log.
    await watched.store.transaction(lambda db: db.conn.set_authorizer(refuse_pragmas))
    assert await watched.readiness.ready(), "the verdict of a moment ago stands"
    watched.now += KEPT
    assert not await watched.readiness.ready()
    await watched.store.transaction(lambda db: db.conn.set_authorizer(None))
    watched.now += KEPT - timedelta(seconds=1)
    assert not await watched.readiness.ready()
    watched.now += timedelta(seconds=1)
    assert await watched.readiness.ready()


def refuse_pragmas(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_PRAGMA else sqlite3.SQLITE_OK


async def test_a_closed_store_is_not(watched: Watched) -> None:
    await watched.store.close()
    assert not await watched.readiness.ready()
