"""Labels between two whole nodes over mutual TLS: imported, granted, shown, exported, gone with their indicator."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from benchmarks.both_books import check_books
from psi_core import native_core
from psi_service.clock import system_clock
from tests.commands import run_psi
from tests.two_nodes import LABS, Place, introduce, places

pytestmark = pytest.mark.skipif(not native_core.available(), reason="labels need the native core")

OURS = (
    "actor,kind,value,severity\n"
    "acct-1,email,ada@x.org,low\n"
    "acct-2,email,bob@x.org,low\n"
    "acct-3,email,only@x.org,low\n"
)
THEIRS = (
    "actor,kind,value,first_seen,severity,campaign\n"
    "x-1,email,ada@x.org,2026-02-03T10:00:00Z,High,silver fox\n"
    "x-2,email,bob@x.org,2026-03-01,,=cmd()\n"
    "x-3,email,hers@x.org,2026-03-01,critical,not to be heard\n"
)
MATCH_KEYS = [{"match_key": "email"}]
LABELS = [{"lab": LABS[1], "fields": ["severity", "campaign", "first_seen"]}]
SAID = {
    "acct-1": {"severity": "high", "campaign": "silver fox", "first_seen": "2026-02-03"},
    "acct-2": {"campaign": "=cmd()", "first_seen": "2026-03-01"},
}


async def given(place: Place, folder: Path, text: str) -> None:
    path = folder / f"{place.settings.lab}.csv"
    path.write_text(text)
    report = await place.ask(lambda client: client.import_file(path))
    assert report["refused"] == 0, report


async def matched(place: Place, engine: str) -> list[dict[str, Any]]:
    def run(client: Any) -> list[dict[str, Any]]:
        session = client.match(LABS[1], engine=engine)
        *_, last = client.follow(session)
        assert last["session"]["state"] == "complete", last
        assert [lane["unopened"] for lane in last["session"]["lanes"]] == [0]
        return client.matches()

    return await place.ask(run)


@pytest.mark.parametrize("engine", ["oprf", "vole"])
async def test_what_a_peer_says_is_shown_exported_and_gone_with_its_indicator(
    tmp_path: Path, engine: str
) -> None:
    a, b = await places(tmp_path)
    async with a.running(system_clock), b.running(system_clock):
        await introduce(a, b, MATCH_KEYS, labels=LABELS)
        await given(a, tmp_path, OURS)
        await given(b, tmp_path, THEIRS)
        rows = await matched(a, engine)
        assert {row["actor"]: row["labels"] for row in rows} == SAID
        theirs = await b.ask(lambda client: client.matches())
        assert {row["actor"]: row["labels"] for row in theirs} == {"x-1": {}, "x-2": {}}
        exported = await a.ask(lambda client: client.export_matches())
        assert {row["actor"]: (row["peer_severity"], row["peer_campaign"]) for row in exported} == {
            "acct-1": ("high", "silver fox"),
            "acct-2": ("", "=cmd()"),
        }
        await a.ask(lambda client: client.erase_actor("acct-1", dry_run=False))
        left = await a.ask(lambda client: client.matches())
        assert [row["actor"] for row in left] == ["acct-2"]
    for place in (a, b):
        data = b"".join(path.read_bytes() for path in place.data_dir.rglob("*") if path.is_file())
        assert b"silver fox" not in data
        assert b"not to be heard" not in data


def rewritten(text: str, *changes: tuple[str, str]) -> str:
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text


async def test_a_daily_run_says_only_what_changed_and_psi_matches_shows_it(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    async with a.running(system_clock), b.running(system_clock):
        await introduce(a, b, MATCH_KEYS, labels=LABELS)
        await given(a, tmp_path, OURS)
        await given(b, tmp_path, THEIRS)
        await matched(a, "oprf")
        assert await run_words(a) == ["in full: this lab holds no generation of this epoch"]
        await given(b, tmp_path, rewritten(THEIRS, ("High,silver fox", "critical,golden fox")))
        await given(a, tmp_path, OURS + "acct-4,email,hers@x.org,low\n")  # said before, and closed until now
        rows = await matched(a, "oprf")
        assert {row["actor"]: row["labels"] for row in rows} == {
            "acct-1": {"severity": "critical", "campaign": "golden fox", "first_seen": "2026-02-03"},
            "acct-2": SAID["acct-2"],
            "acct-4": {
                "severity": "critical",
                "campaign": "not to be heard",
                "first_seen": "2026-03-01",
            },
        }
        (words,) = await run_words(a)
        assert words.startswith("on generation 1: ")
        assert words.endswith("labels of 1,024 sent again")
        profile = str(a.data_dir / "profile.json")
        shown = await asyncio.to_thread(run_psi, "matches", PSI_PROFILE=profile, COLUMNS="200")
        assert shown.exit_code == 0, shown.output
        assert "golden fox" in shown.output
        assert "silver fox" not in shown.output
        # What is erased is said no more, and the run stays incremental.
        await b.ask(lambda client: client.erase_actor("x-2", dry_run=False))
        rows = await matched(a, "oprf")
        assert {row["actor"] for row in rows if row["labels"]} >= {"acct-1", "acct-4"}
        assert (await run_words(a))[0].startswith("on generation 2: ")
    audited = tmp_path / "audited"
    audited.mkdir()
    assert (await check_books(audited, a.data_dir, b.data_dir))["complete"] == 3


async def run_words(place: Place) -> list[str]:
    """How the lanes of a node's newest session ran."""
    newest = (await place.ask(lambda client: client.sessions()))[0]
    return [lane["run"] for lane in newest["lanes"]]
