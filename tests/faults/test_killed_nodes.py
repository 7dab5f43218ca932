"""Two nodes in processes of their own, one of them killed (SIGKILL) at each step of a session, over gRPC."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.both_books import check_books
from psi_core import native_core
from psi_core.errors import PsiError
from psi_service.sessions.progress import Phase
from tests.node_process import NodeProcess
from tests.shared_list import match, match_to_the_end, prepare
from tests.two_nodes import Place, places

# Every step, side and direction is in tests/unit/psi_service/sessions; here are those where most is at stake.
STEPS = [
    ("a", Phase.OFFERED, "both"),
    ("b", Phase.ACCEPTED, "initiator"),
    ("b", Phase.BARRIER, "both"),
    ("a", Phase.COMPLETING, "responder"),
    ("b", Phase.RESULTS, "both"),
    ("a", Phase.SIGNED, "both"),
    ("b", Phase.SIGNED, "initiator"),
]


async def test_a_node_killed_at_each_step_loses_nothing_and_the_next_session_runs(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    nodes = {"a": NodeProcess(a), "b": NodeProcess(b)}
    for node in nodes.values():
        await node.start()
    try:
        await prepare(a, b)
        for side, step, direction in STEPS:
            victim = nodes[side]
            await victim.stop()
            await victim.start(step)
            try:
                await match(a, direction)
            except PsiError:
                assert side == "a", "only the killed node may fail to answer"
            await victim.died()
            await victim.start()
            await match_to_the_end(a, direction)
            assert all(node.running for node in nodes.values()), (side, step)
    finally:
        for node in nodes.values():
            await node.stop()
    (tmp_path / "audited").mkdir()
    held = await check_books(tmp_path / "audited", a.data_dir, b.data_dir)
    assert held["complete"] >= len(STEPS)


LABELLED_STEPS = [
    ("b", Phase.COMPLETING, "both"),
    ("a", Phase.COMPUTED, "initiator"),
    ("b", Phase.SIGNED, "both"),
    ("a", Phase.SIGNED, "responder"),
]


@pytest.mark.skipif(not native_core.available(), reason="labels need the native core")
async def test_after_a_kill_labels_are_what_the_peer_says_now(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    nodes = {"a": NodeProcess(a), "b": NodeProcess(b)}
    for node in nodes.values():
        await node.start()
    try:
        await prepare(a, b, labels=[{"fields": ["campaign"]}])
        for direction in ("both", "responder"):
            await match(a, direction, engine="oprf")
        for turn, (side, step, direction) in enumerate(LABELLED_STEPS):
            for place in (a, b):
                await says(place, f"turn {turn}")
            victim = nodes[side]
            await victim.stop()
            await victim.start(step)
            try:
                await match(a, direction, engine="oprf")
            except PsiError:
                assert side == "a", "only the killed node may fail to answer"
            await victim.died()
            await victim.start()
            for place in (a, b):
                await says(place, f"after turn {turn}")
            view = await match_to_the_end(a, direction, engine="oprf")
            assert [lane["unopened"] for lane in view["lanes"]] == [0]
            assert view["lanes"][0]["run"].startswith("on generation"), view["lanes"]
            for place in (a, b) if direction == "both" else (a if direction == "initiator" else b,):
                (match_,) = await place.ask(lambda client: client.matches())
                assert match_["labels"] == {"campaign": f"after turn {turn}"}
    finally:
        for node in nodes.values():
            await node.stop()
    (tmp_path / "audited").mkdir()
    assert (await check_books(tmp_path / "audited", a.data_dir, b.data_dir))["complete"] >= 6


async def says(place: Place, campaign: str) -> None:
    """The shared address's campaign, in this lab's list."""
    file = place.data_dir / "list.csv"
    file.write_text(f"actor,kind,value,campaign\nshared,email,shared@x.org,{campaign}\n")
    await place.ask(lambda client: client.import_file(file))
