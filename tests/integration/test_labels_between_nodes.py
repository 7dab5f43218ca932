"""Labels between two whole nodes over mutual TLS: imported, granted, shown, exported, gone with their indicator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psi_core import native_core
from psi_service.clock import system_clock
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
