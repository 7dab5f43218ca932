"""Two nodes in processes of their own, one of them killed (SIGKILL) at each step of a session, over gRPC."""

from __future__ import annotations

from pathlib import Path

from benchmarks.both_books import check_books
from psi_core.errors import PsiError
from psi_service.sessions.progress import Phase
from tests.node_process import NodeProcess
from tests.shared_list import match, match_to_the_end, prepare
from tests.two_nodes import places

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
