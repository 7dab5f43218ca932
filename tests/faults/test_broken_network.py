"""The line between two nodes is cut in the middle of what passes; both dial at once; sessions race."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from benchmarks.both_books import check_books
from benchmarks.tcp_proxy import TcpProxy
from psi_core.errors import PsiError
from psi_service.clock import system_clock
from psi_service.identity.initialise import initialise
from tests.shared_list import match, match_to_the_end, prepare
from tests.two_nodes import LABS, Place, free_port, places


async def behind_a_proxy(folder: Path) -> tuple[Place, TcpProxy]:
    """lab-b's node, whose card names the proxy's port."""
    inner, outer = free_port(), free_port()
    values = {
        "lab": LABS[1],
        "peer_listen": f"127.0.0.1:{inner}",
        "peer_address": f"127.0.0.1:{outer}",
        "admin_listen": f"127.0.0.1:{free_port()}",
        "worker_processes": 1,
    }
    await initialise(folder, values, system_clock)
    return Place(folder), TcpProxy(outer, inner)


async def test_cut_lines_and_racing_sessions_leave_both_books_whole(tmp_path: Path) -> None:
    a, _ = await places(tmp_path / "direct")
    b, proxy = await behind_a_proxy(tmp_path / "behind")
    async with proxy as line, a.running(), b.running():
        await prepare(a, b)
        line.cut_after(None)
        await match_to_the_end(a)
        whole = line.passed
        for percent in (3, 35, 55, 75, 90, 97):
            line.cut_after(whole * percent // 100)
            with suppress(PsiError):
                await match(a)
            line.cut_after(None)
            await match_to_the_end(a)
        assert line.cuts >= 5
        await race(a, b)
    (tmp_path / "audited").mkdir()
    held = await check_books(tmp_path / "audited", a.data_dir, b.data_dir)
    assert held["complete"] >= 7


async def race(a: Place, b: Place) -> None:
    """Sessions of opposite order overlap; those of one order are taken in turn."""
    for direction in ("both", "initiator"):
        opposite = (match(a, direction), match(b, direction, peer=LABS[0]))
        views = await asyncio.gather(*opposite, match(a, direction), match(b, direction, peer=LABS[0]))
        assert [view["state"] for view in views] == ["complete"] * 4, [view["reason"] for view in views]
        assert len({view["session_id"] for view in views}) == 4
