"""Long runs of `oprf` between two whole nodes: lines cut, nodes killed, and the same session goes on to its end."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.both_books import check_books
from psi_client.node_client import NodeClient
from psi_core import native_core
from psi_core.engines.oprf import chunks
from psi_core.errors import PsiError
from tests.faults.test_broken_network import behind_a_proxy
from tests.node_process import NodeProcess
from tests.shared_list import add_to_both, match, prepare
from tests.two_nodes import Place, places

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")

CHUNK = 32
ELEMENTS = 600
SHARED = 60 + 1


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nodes in this process, and of the audit."""
    monkeypatch.setattr(chunks, "CHUNK", CHUNK)


async def prepare_long(a: Place, b: Place) -> None:
    await prepare(a, b, bundle_days=30)
    await add_to_both(a, b, ELEMENTS)


async def check(folder: Path, a: Place, b: Place, views: Sequence[dict[str, Any]]) -> None:
    """Each session was offered and debited once, and both logs audit; `folder` is there and empty."""
    assert all(view["state"] == "complete" for view in views)
    held = await check_books(folder, a.data_dir, b.data_dir)
    assert held == {"complete": len(views)}
    for place in (a, b):
        with closing(sqlite3.connect(place.data_dir / "node.db")) as db:
            kinds = dict(db.execute("SELECT kind, count(*) FROM log_entries GROUP BY kind").fetchall())
            assert (kinds["offer"], kinds["decision"], kinds.get("abort", 0)) == (len(views), len(views), 0)
            (spent,) = db.execute("SELECT count(*) FROM debits").fetchone()
            assert spent <= len(views)
            assert db.execute("SELECT max(counter) FROM sessions").fetchone() == (len(views),)
            assert db.execute("SELECT count(*) FROM resumptions").fetchone() == (0,)
        assert not list((place.data_dir / "resumptions").iterdir())


async def test_a_run_whose_line_is_cut_again_and_again_is_one_session(tmp_path: Path) -> None:
    a, _ = await places(tmp_path / "direct")
    b, proxy = await behind_a_proxy(tmp_path / "behind")
    async with proxy as line, a.running(), b.running():
        await prepare_long(a, b)
        cuts = asyncio.create_task(_cut_often(line))
        view = await match(a, engine="oprf", match_keys=["email"])
        cuts.cancel()
        assert [lane["matched"] for lane in view["lanes"]] == [SHARED]
    assert line.cuts >= 2
    audited = tmp_path / "audited"
    audited.mkdir()
    await check(audited, a, b, [view])


async def _cut_often(line: Any) -> None:
    """So many bytes after each cut: less than a third of the run."""
    for size in (30_000, 25_000, 25_000):
        line.cut_after(size)
        await line.cut.wait()


async def _match_unless_killed(a: Place, direction: str) -> dict[str, Any] | None:
    try:
        return await match(a, direction, engine="oprf", match_keys=["email"])
    except PsiError:
        return None


@pytest.mark.parametrize(
    ("direction", "armed", "deaths"),
    [
        ("initiator", ("CHUNK 9", "CHUNK 3"), [("b", ""), ("a", "CHUNK 5"), ("a", "")]),
        ("responder", ("OWN 4", "CHUNK 9"), [("a", "CHUNK 6"), ("a", ""), ("b", "")]),
        ("both", ("CHUNK 8", "CHUNK 4"), [("b", ""), ("a", "")]),
    ],
)
async def test_a_killed_node_goes_on_with_the_session_that_it_was_at(
    tmp_path: Path, direction: str, armed: tuple[str, str], deaths: list[tuple[str, str]]
) -> None:
    """`armed`: at what a and b kill themselves; `deaths`: who dies in turn, and at what it does so once it is back."""
    a, b = await places(tmp_path)
    nodes = {"a": NodeProcess(a, chunk=CHUNK), "b": NodeProcess(b, chunk=CHUNK)}
    for node, step in zip(nodes.values(), armed, strict=True):
        await node.start(step)
    try:
        await prepare_long(a, b)
        ids, asked = set[str](), asyncio.create_task(_match_unless_killed(a, direction))
        for side, next_step in deaths:
            await nodes[side].died()
            await nodes[side].start(next_step)
            if side == "a":
                # A killed responder is dialled again by the session that runs; a killed initiator is asked again.
                assert await asked is None
                ids |= {session["session_id"] for session in await a.ask(NodeClient.sessions)}
                asked = asyncio.create_task(_match_unless_killed(a, direction))
        view = await asked
        ids |= {session["session_id"] for session in await a.ask(NodeClient.sessions)}
        assert view is not None
        assert ids == {view["session_id"]}
        told = [len(await each.ask(NodeClient.matches)) for each in (a, b)]
        assert told == [SHARED * (direction != "responder"), SHARED * (direction != "initiator")]
    finally:
        for node in nodes.values():
            await node.stop()
    audited = tmp_path / "audited"
    audited.mkdir()
    await check(audited, a, b, [view])
