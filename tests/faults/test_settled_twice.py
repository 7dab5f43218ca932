"""A session that two settle at the same moment ends once: one countersignature, one record, results shown once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from psi_core.log.entry import EntryKind
from psi_service.sessions.progress import Phase
from tests.two_labs import LAB_A, LAB_B, run, two_labs


@pytest.mark.parametrize("asking", ["ab", "aa", "ba", "bb"])
async def test_a_record_that_lacks_a_signature_is_completed_once(tmp_path: Path, asking: str) -> None:
    a, b, terms = await two_labs(tmp_path)
    a.suspects({"a-1": {"email": ["both@x.org"]}})
    b.suspects({"b-1": {"email": ["both@x.org"]}})
    a.cut_at = Phase.SIGNED
    view = await run(a, b, terms, match_keys=["email"])
    assert view.state == "pending"
    await asyncio.sleep(0.05)
    labs = {"a": (a, LAB_B), "b": (b, LAB_A)}
    await asyncio.gather(*(labs[name][0].sessions.settle_all([labs[name][1]]) for name in asking))
    assert [row["state"] for lab in (a, b) for row in lab.table("sessions")] == ["complete", "complete"]
    assert len(a.entries(EntryKind.COUNTERSIGNED)) == len(b.entries(EntryKind.RECORD)) == 1
    assert len(a.entries(EntryKind.RECORD)) == 1
    assert (len(a.table("session_matches")), len(b.table("session_matches"))) == (1, 1)
    assert (await run(a, b, terms, match_keys=["email"])).state == "complete"
    await a.stop()
    await b.stop()
