"""Whole imports through worker processes: what is kept, told, logged; and what is left when one breaks off."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from psi_core.errors import InputError, InvalidConfiguration, NodeRefusing, NotFound, StoreError
from psi_core.kinds.fingerprint import fingerprint
from psi_core.log.entry import Entry
from psi_core.log.key import Signer
from psi_service.actors.words import WORDS, open_word, seal_word
from psi_service.imports.importer import Importer
from psi_service.imports.report import ImportProgress
from psi_service.log.node_log import NodeLog
from psi_service.sealing import lookup
from psi_service.store.database import Store

KEY, DATA_KEY = bytes(range(32)), bytes(range(32, 64))
HEADER = "actor,kind,value,first_seen,last_seen,confidence,tlp,label,expires_at\n"


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Node:
    """A store, its log and its importer."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder / "data", clock)
        self.log = NodeLog(self.store, Signer.generate("lab-a.example/psi-log"), folder / "head", clock)
        self.importer = Importer(
            self.store, self.log, clock, data_key=DATA_KEY, current_key=self._key, processes=1
        )

    async def _key(self) -> tuple[str, bytes]:
        return "0123456789abcdef", KEY

    async def count(self, table: str) -> int:
        return await self.store.query(lambda db: int(db[table].count))

    async def entries(self) -> list[dict[str, object]]:
        return [Entry.decode(data).body for data in await self.log.entries(0, 100)]

    async def last_import(self) -> dict[str, object]:
        return await self.store.query(lambda db: list(db.query("SELECT * FROM imports ORDER BY id"))[-1])


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    opened = Node(tmp_path)
    await opened.log.verify_at_start()
    yield opened
    await opened.store.close()


async def _pieces(text: str, size: int = 1000) -> AsyncIterator[bytes]:
    data = text.encode()
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _rows(count: int, *, first: int = 0) -> str:
    return "".join(f"acct-{n // 2},asn,{n + 1},2026-02-03,,,,,\n" for n in range(first, first + count))


async def test_an_import_from_bytes_to_rows_report_and_log(node: Node) -> None:
    seen: list[ImportProgress] = []
    text = HEADER + _rows(4500) + "acct-0,email,nonsense,,,,,,\n" + "acct-0,email,a@example.com,,,,,,\n"
    report = await node.importer.run(_pieces(text), name="lists/list.csv", progress=seen.append)
    assert (report.rows, report.kept, report.refused) == (4502, 4501, 1)
    assert (report.actors, report.new_actors) == (2250, 2250)
    assert (report.indicators, report.derived) == (4501, 1)
    assert (report.state, report.file, report.more_refusals) == ("done", "list.csv", False)
    (refusal,) = report.refusals
    assert (refusal.file, refusal.line, refusal.column, refusal.kind) == ("list.csv", 4502, "value", "email")
    assert "nonsense" not in report.model_dump_json()
    assert [at.kept + at.refused for at in seen] == [at.rows for at in seen]
    assert [at.rows for at in seen] == sorted({at.rows for at in seen})
    assert len(seen) > 1
    assert (seen[-1].rows, seen[-1].kept, seen[-1].refused) == (4502, 4501, 1)

    def one(db: Database) -> list[tuple[object, ...]]:
        sql = "SELECT kind, derived FROM indicators JOIN actors ON id = actor WHERE lookup = ? AND fingerprint = ?"
        found = fingerprint(KEY, "email", "a@example.com")
        return list(db.conn.execute(sql, (lookup(DATA_KEY, "acct-0"), found)))

    assert await node.store.query(one) == [("email", 0)]
    assert await node.count("indicators") == 4502
    row = await node.last_import()
    assert {
        name: row[name] for name in ("name", "state", "rows", "kept", "refused", "actors", "indicators")
    } == {
        "name": "list.csv",
        "state": "done",
        "rows": 4502,
        "kept": 4501,
        "refused": 1,
        "actors": 2250,
        "indicators": 4501,
    }
    # Entries never carry a set's true size.
    assert await node.entries() == [
        {
            "action": "import",
            "state": "done",
            "rows": 8192,
            "kept": 8192,
            "refused": 1,
            "actors": 4096,
            "indicators": 8192,
        }
    ]


async def test_importing_again_adds_nothing_but_what_is_new(node: Node) -> None:
    await node.importer.run(_pieces(HEADER + _rows(100)), name="a.csv")
    report = await node.importer.run(_pieces(HEADER + _rows(100, first=50)), name="b.csv")
    assert (report.actors, report.new_actors, report.indicators) == (50, 25, 100)
    assert await node.count("indicators") == 150
    assert await node.count("actors") == 75


async def test_wide_csv_and_json_lines_with_a_mapping_meet_in_the_same_rows(node: Node) -> None:
    mapping = {"mail": "email", "addr": "ip"}
    csv_text = "account,mail,addr\nacct-1,A@Example.com,192.0.2.7\n"
    report = await node.importer.run(_pieces(csv_text), name="w.csv", mapping=mapping, actor_column="account")
    assert (report.kept, report.indicators, report.ignored_columns) == (1, 2, ())
    before = await node.count("indicators")
    lines = '{"actor":"acct-1","mail":["a@example.com"],"addr":"192.0.2.7"}\n'
    report = await node.importer.run(_pieces(lines), name="w.jsonl", format="jsonl", mapping=mapping)
    assert (report.kept, report.indicators, report.new_actors) == (1, 2, 0)
    assert await node.count("indicators") == before


async def test_strict_keeps_all_or_nothing(node: Node) -> None:
    bad = HEADER + _rows(2500) + "acct-0,email,nonsense,,,,,,\n" + _rows(2500, first=2500)
    report = await node.importer.run(_pieces(bad, 50_000), name="bad.csv", strict=True)
    assert (report.state, report.rows, report.kept, report.refused) == ("refused", 5001, 0, 1)
    assert (report.actors, report.new_actors, report.indicators, report.derived) == (0, 0, 0, 0)
    assert report.refusals[0].line == 2502
    assert await node.count("actors") == await node.count("indicators") == 0
    assert await node.count("staged_indicators") == 0
    assert (await node.last_import())["state"] == "refused"

    report = await node.importer.run(_pieces(HEADER + _rows(2500), 50_000), name="good.csv", strict=True)
    assert (report.state, report.kept, report.new_actors, report.indicators) == ("done", 2500, 1250, 2500)
    assert await node.count("indicators") == 2500
    assert await node.count("staged_indicators") == 0
    assert [body["state"] for body in await node.entries()] == ["refused", "done"]


async def test_a_file_that_cannot_be_read_is_refused_as_a_whole(node: Node) -> None:
    with pytest.raises(InputError, match="must name the columns"):
        await node.importer.run(_pieces("a;b;c\n1;2;3\n"), name="x.csv")
    with pytest.raises(InputError, match="empty"):
        await node.importer.run(_pieces(""), name="x.csv")
    row = await node.last_import()
    assert (row["state"], row["rows"]) == ("refused", 0)
    with pytest.raises(InvalidConfiguration, match="two letters"):
        await node.importer.run(_pieces(HEADER), name="x.csv", region="Germany")
    assert await node.count("imports") == 2


@pytest.mark.parametrize("strict", [False, True])
async def test_an_upload_that_breaks_off(node: Node, strict: bool) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield (HEADER + _rows(9000)).encode()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await node.importer.run(breaking(), name="x.csv", strict=strict)
    row = await node.last_import()
    assert row["state"] == "failed"
    assert await node.count("staged_indicators") == 0
    assert await node.count("indicators") == row["indicators"]
    assert (row["indicators"] == 0) == strict
    assert (await node.entries())[-1]["state"] == "failed"


async def test_a_cancelled_import_is_told_as_failed_and_the_next_one_runs(node: Node) -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield HEADER.encode()
        for number in range(1_000_000):
            yield _rows(500, first=number * 500).encode()

    running = asyncio.create_task(
        node.importer.run(endless(), name="x.csv", progress=lambda _: started.set())
    )
    waiting = asyncio.create_task(node.importer.run(_pieces(HEADER + _rows(10)), name="y.csv"))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await waiting).kept == 10
    states = await node.store.query(lambda db: [(row["name"], row["state"]) for row in db["imports"].rows])
    assert states == [("x.csv", "failed"), ("y.csv", "done")]


async def test_a_worker_that_dies_fails_the_import_in_words(node: Node) -> None:
    async def killing() -> AsyncIterator[bytes]:
        yield HEADER.encode()
        for number in range(1_000_000):
            yield _rows(500, first=number * 500).encode()
            for worker in multiprocessing.active_children():
                worker.kill()

    with pytest.raises(StoreError, match="worker process ended"):
        await node.importer.run(killing(), name="x.csv")
    assert (await node.last_import())["state"] == "failed"
    assert (await node.importer.run(_pieces(HEADER + _rows(10)), name="x.csv")).kept == 10


async def test_without_a_consortium_key_nothing_begins(node: Node) -> None:
    async def none() -> tuple[str, bytes]:
        raise NotFound("the node is in no consortium yet")

    importer = Importer(node.store, node.log, clock, data_key=DATA_KEY, current_key=none, processes=1)
    with pytest.raises(NotFound):
        await importer.run(_pieces(HEADER), name="x.csv")
    assert await node.count("imports") == 0


async def test_a_refusing_node_imports_nothing(node: Node) -> None:
    node.log.refusal = "set back"
    with pytest.raises(NodeRefusing):
        await node.importer.run(_pieces(HEADER), name="x.csv")
    assert await node.count("imports") == 0


@pytest.mark.parametrize("strict", [False, True])
async def test_words_lie_sealed_for_their_actor_derived_indicators_included(node: Node, strict: bool) -> None:
    header = "actor,kind,value,severity,campaign,label\n"
    rows = "acct-0,email,a@gmail.com,High,silver fox,seen twice\nacct-1,asn,13335,,silver fox,\n"
    await node.importer.run(_pieces(header + rows), name="list.csv", strict=strict)

    def read(db: Database) -> list[tuple[bytes, str, dict[str, str]]]:
        found = db.conn.execute(
            "SELECT lookup, kind, severity, campaign, label FROM indicators JOIN actors ON id = actor ORDER BY 1, 2"
        )
        return [
            (
                actor,
                kind,
                {
                    name: open_word(DATA_KEY, name, actor, sealed)
                    for name, sealed in zip(WORDS, words, strict=True)
                    if sealed is not None
                },
            )
            for actor, kind, *words in found
        ]

    said = {"severity": "high", "campaign": "silver fox", "label": "seen twice"}
    one, two = lookup(DATA_KEY, "acct-0"), lookup(DATA_KEY, "acct-1")
    expected = [
        (one, "email", said),
        (one, "email_mailbox", said),
        (two, "asn", {"campaign": "silver fox"}),
    ]
    assert await node.store.query(read) == sorted(expected, key=lambda row: row[:2])
    with pytest.raises(StoreError):
        open_word(DATA_KEY, "label", one, seal_word(DATA_KEY, "label", two, "x"))
    with pytest.raises(StoreError):
        open_word(DATA_KEY, "label", one, seal_word(DATA_KEY, "campaign", one, "x"))
    await node.store.close()
    data = b"".join(path.read_bytes() for path in node.store.path.parent.glob("node.db*"))
    assert b"silver fox" not in data
    assert b"seen twice" not in data
