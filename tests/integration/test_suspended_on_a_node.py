"""Whole nodes: a job takes up what is suspended; erasure and revocation end it; a backup holds nothing of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.both_books import check_books
from psi_client.node_client import NodeClient
from psi_core import native_core
from psi_core.engines.oprf import chunks
from psi_core.errors import PsiError
from psi_service.backup.making import _without_epoch_keys
from psi_service.node.app import Node
from psi_service.sessions import surroundings
from psi_service.store.reading import copy_store
from tests.faults.test_broken_network import behind_a_proxy
from tests.integration.test_jobs_between_nodes import jobs_begun, over
from tests.shared_list import add_to_both, match, prepare
from tests.two_nodes import LABS, Place, places

pytestmark = pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")


@pytest.fixture(autouse=True)
def _small_chunks_and_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 32)
    limits = surroundings.Limits
    monkeypatch.setattr("psi_service.node.rooms.Limits", lambda **how: limits(**how, redial_seconds=()))


def rows(place: Place) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(place.data_dir / "node.db")) as db:
        return db.execute("SELECT until <> '', answered > 0 FROM resumptions").fetchall()


def files(place: Place) -> list[Path]:
    return list((place.data_dir / "resumptions").iterdir())


def erases(agreement: str) -> Callable[[NodeClient], Any]:
    return lambda client: client.erase_actor("shared", dry_run=False)


def revokes(agreement: str) -> Callable[[NodeClient], Any]:
    return lambda client: client.revoke_agreement(agreement, "over")


@pytest.mark.parametrize("ends", [erases, revokes])
async def test_what_is_suspended_ends_with_its_set_and_its_agreement(tmp_path: Path, ends: Any) -> None:
    a, _ = await places(tmp_path / "direct")
    b, proxy = await behind_a_proxy(tmp_path / "behind")
    async with proxy as line, a.running() as node, b.running() as peer:
        await prepare(a, b)
        await add_to_both(a, b, 300)
        line.cut_after(20_000)
        broken = await match(a, engine="oprf", match_keys=["email"])
        assert broken["state"] == "suspended", broken["reason"]
        assert len(rows(a)) == len(files(a)) == 1
        copy = tmp_path / "copy.db"
        copy_store(a.data_dir, copy)
        _without_epoch_keys(copy, "2026-11-24T09:00:00Z")
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("SELECT count(*) FROM resumptions").fetchone() == (0,)
        await a.ask(ends(broken["agreement"]))
        assert [until for until, _ in rows(a)] == [0]
        assert not files(a)
        await _round(node)
        assert not rows(a)
        session = await a.ask(lambda client: client.session(broken["session_id"]))
        assert (session["state"], session["late"]) == ("aborted", False)
        try:
            await match(a, engine="openmined", match_keys=["email"])
        except PsiError:
            assert ends is revokes
        await _round(peer)
        assert not rows(b)
    audited = tmp_path / "audited"
    audited.mkdir()
    await check_books(audited, a.data_dir, b.data_dir)


async def test_a_job_takes_up_the_session_that_a_person_began(tmp_path: Path) -> None:
    a, _ = await places(tmp_path / "direct")
    b, proxy = await behind_a_proxy(tmp_path / "behind")
    async with proxy as line, a.running() as node, b.running():
        await prepare(a, b)
        await add_to_both(a, b, 300)
        line.cut_after(20_000)
        broken = await match(a, engine="oprf", match_keys=["email"])
        assert broken["state"] == "suspended", broken["reason"]
        await jobs_begun(node)
        made = await a.ask(lambda client: client.add_job(LABS[1], "@daily", match_keys=["email"]))
        await a.ask(lambda client: client.run_job(made["id"]))
        run = (await over(a, made["id"]))["last"]
        assert (run["state"], run["session_id"]) == ("done", broken["session_id"])
        assert len(await a.ask(NodeClient.sessions)) == 1


async def _round(node: Node) -> None:
    await node._retention.purge()  # type: ignore[attr-defined]
