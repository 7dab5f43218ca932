"""A disk that is full in mid-session: the kernel lets the node's process write no file beyond a size (RLIMIT_FSIZE)."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.both_books import check_books
from psi_client.node_client import NodeClient
from psi_core.errors import PsiError
from tests.node_process import NodeProcess
from tests.shared_list import match, match_to_the_end, prepare
from tests.two_nodes import LABS, places

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="limits of another process need Linux"
)
FRAME = 4096 + 24
"""A page in SQLite's write-ahead log."""


@contextmanager
def full_disk(node: NodeProcess, *, frames: int) -> Iterator[None]:
    """The store may grow by so many pages; Python ignores SIGXFSZ, so a write fails as on a full disk."""
    log = node.place.data_dir / "node.db-wal"
    _, most = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + frames * FRAME, most))
    try:
        yield
    finally:
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (most, most))


async def test_a_full_disk_breaks_the_session_alone(tmp_path: Path) -> None:
    a, b = await places(tmp_path)
    nodes = {"a": NodeProcess(a), "b": NodeProcess(b)}
    for node in nodes.values():
        await node.start()
    try:
        await prepare(a, b)
        await match_to_the_end(a)
        for side, frames in (("a", 0), ("b", 0), ("b", 12), ("a", 25), ("b", 45)):
            # A session that never came to an offer has no state, but an error.
            with full_disk(nodes[side], frames=frames), suppress(PsiError):
                assert (await match(a))["state"] != "complete", (side, frames)
            await match_to_the_end(a)
            assert all(node.running for node in nodes.values())
        assert (await b.ask(NodeClient.status))["log"]["refusal"] is None
        await match_to_the_end(b, peer=LABS[0])
    finally:
        for node in nodes.values():
            await node.stop()
    (tmp_path / "audited").mkdir()
    await check_books(tmp_path / "audited", a.data_dir, b.data_dir)
