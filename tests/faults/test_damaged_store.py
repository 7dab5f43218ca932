"""A database with a damaged page, and a head file that is gone: a clear refusal, never silence."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from psi_client.node_client import NodeClient
from psi_core.errors import NodeRefusing, StoreError
from psi_service.clock import system_clock
from psi_service.store.database import DATABASE_FILE, Store
from tests.two_labs import run, two_labs
from tests.two_nodes import places


def pages_of(file: Path) -> tuple[int, int, int]:
    """Size of a page, their number, and how many of them are free."""
    with sqlite3.connect(file) as db:
        size, count, free = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
    db.close()
    return size, count, free


def damage(file: Path, page: int, size: int) -> None:
    """Overwrite one page, counted from 0, with noise: the same on every run."""
    with file.open("r+b") as opened:
        opened.seek(page * size)
        opened.write(hashlib.shake_128(str(page).encode()).digest(size))


async def test_every_damaged_page_is_found_before_the_node_starts(tmp_path: Path) -> None:
    a, b, terms = await two_labs(tmp_path / "labs")
    for lab in (a, b):
        lab.suspects({f"acct-{n}": {"email": [f"{n}@x.org"]} for n in range(30)})
    assert (await run(a, b, terms, match_keys=["email"])).state == "complete"
    await a.stop()
    await b.stop()
    good = tmp_path / "labs" / "a" / DATABASE_FILE
    size, count, free = pages_of(good)
    silent = []
    for page in range(count):
        broken = tmp_path / f"page-{page}" / DATABASE_FILE
        broken.parent.mkdir()
        shutil.copy(good, broken)
        damage(broken, page, size)
        try:
            Store.open(broken.parent, system_clock).close_now()
            silent.append(page)
        except StoreError as refusal:
            words = str(refusal)
        assert str(broken) in words
        assert "restore it from a backup" in words.lower()
    assert count > 50
    assert len(silent) <= free, silent


async def test_a_page_that_is_damaged_under_a_running_store_is_named(tmp_path: Path) -> None:
    with Store.open(tmp_path, system_clock) as store:
        store.transaction_now(lambda db: db.execute("CREATE TABLE noise (value TEXT)"))
        rows = [(f"{number:0200}",) for number in range(2_000)]
        store.transaction_now(
            lambda db: db.conn.executemany("INSERT INTO noise VALUES (?)", rows).rowcount,
        )
    file = tmp_path / DATABASE_FILE
    size, count, _ = pages_of(file)
    with Store.open(tmp_path, system_clock) as store:
        for page in range(count - 20, count):
            damage(file, page, size)
        with pytest.raises(StoreError, match=rf"{file} is damaged: .* psi-node restore"):
            store.query_now(lambda db: db.execute("SELECT sum(length(value)) FROM noise").fetchone())


async def test_without_its_head_file_a_node_reads_and_signs_nothing_and_goes_on_with_it(
    tmp_path: Path,
) -> None:
    a, _ = await places(tmp_path)
    async with a.running():
        await a.ask(lambda client: client.create_consortium("abuse sharing"))
    head, away = a.settings.head_path, tmp_path / "away"
    head.rename(away)
    async with a.running():
        refusal = (await a.ask(NodeClient.status))["log"]["refusal"]
        assert f"the head file {head} is missing" in refusal
        with pytest.raises(NodeRefusing, match="Put the file back"):
            await a.ask(lambda client: client.create_consortium("again"))
    assert not head.exists()
    away.rename(head)
    async with a.running():
        assert (await a.ask(NodeClient.status))["log"]["refusal"] is None
        await a.ask(lambda client: client.create_token("Ada", "analyst"))
