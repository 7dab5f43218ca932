"""A node that was set back behind what it signed: it refuses, its log is recovered, and the pair goes on."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from psi_client.audit import State
from psi_client.node_client import NodeClient
from psi_core.errors import NodeRefusing, PeerUnreachable, VerificationError
from psi_core.wire.peers_pb2 import OwnLogReply
from psi_service.backup.making import make_backup
from psi_service.clock import system_clock
from psi_service.log.export import export_log
from psi_service.node.reach import node_without_ports
from psi_service.store.reading import reading
from tests.lost_logs import (
    EMAIL,
    SECRET,
    audited,
    behind,
    broken,
    content,
    import_actors,
    keep,
    ledger,
    lose,
    match,
    recover,
    set_back,
)
from tests.two_nodes import LABS, Place, introduce, places


def peer_checkpoints(place: Place) -> list[tuple[str, int]]:
    with reading(place.data_dir) as db:
        return list(db.conn.execute("SELECT lab, size FROM peer_checkpoints").fetchall())


@pytest.mark.parametrize("loss", ["folder set back", "backup restored"])
async def test_the_tail_comes_back_from_the_peer_and_the_pair_goes_on(tmp_path: Path, loss: str) -> None:
    a, b = await places(tmp_path)
    async with b.running() as node_b:
        async with a.running():
            await introduce(a, b, [EMAIL])
            await import_actors(a, "ada", "bob")
            await import_actors(b, "bob", "cyd")
            assert (await match(a, LABS[1]))["state"] == "complete"
            backup = tmp_path / "backup"
            if loss == "backup restored":
                await asyncio.to_thread(make_backup, a.settings, backup, SECRET, system_clock)
        if loss == "folder set back":
            shutil.copytree(a.data_dir, backup)
        async with a.running():
            await import_actors(a, "cyd")
            assert (await match(a, LABS[1]))["state"] == "complete"
            assert (await match(b, LABS[0], engine="oprf"))["state"] == "complete"
            await keep(node_b, a)
            size = (await a.ask(NodeClient.log))["size"]
        known = ledger(a)
        (set_back if loss == "folder set back" else lose)(a, backup)
        assert ledger(a) != known
        async with a.running() as node:
            async with asyncio.timeout(20):
                while node.services.log.refusal is None:  # noqa: ASYNC110 -- the peer is asked in the background
                    await asyncio.sleep(0.02)
            assert "psi-node log recover" in str(node.services.log.refusal)
            with pytest.raises(NodeRefusing):
                await match(a, LABS[1])
        done = await recover(a)
        assert (done.before + done.entries, done.sessions) == (size, 2), done
        assert done.undisclosed > 0, "an import is in nobody's copy"
        assert (done.logged, done.withheld) == (0, 0)
        assert ledger(a) == known
        assert {LABS[1]} == {row[0] for row in peer_checkpoints(a)}
        assert len(peer_checkpoints(a)) >= 2
        async with a.running():
            assert (await a.ask(NodeClient.log))["refusal"] is None
            assert (await match(a, LABS[1]))["state"] == "complete"
            assert (await match(b, LABS[0]))["state"] == "complete"
    report = await audited(a, b)
    assert broken(report) == {}
    proven = {claim.name for claim in report.claims if claim.state is State.PROVEN}
    assert proven >= {"session in both logs", "no fork between the labs", "same record in both logs"}
    assert proven >= {"budgets kept", "counters complete", "records chained", "one committed key an epoch"}


class Lying:
    """A peer's connection that alters what it keeps of this lab's log."""

    def __init__(self, client: Any, alter: Any) -> None:
        self._client = client
        self._alter = alter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def __aenter__(self) -> Lying:
        self._client = await self._client.__aenter__()
        return self

    async def __aexit__(self, *gone: Any) -> None:
        await self._client.__aexit__(*gone)

    async def own_log(self, origin: str, **part: Any) -> OwnLogReply:
        reply: OwnLogReply = self._alter(await self._client.own_log(origin, **part))
        return reply


def another_leaf(reply: OwnLogReply) -> OwnLogReply:
    return OwnLogReply(
        checkpoint=reply.checkpoint,
        leaves=reply.leaves[:-1] + bytes([reply.leaves[-1] ^ 1]) if reply.leaves else b"",
        entries=reply.entries,
        next=reply.next,
    )


def another_entry(reply: OwnLogReply) -> OwnLogReply:
    for each in reply.entries:
        each.data = each.data.replace(b'"v":1', b'"v":2')
    return reply


def another_checkpoint(reply: OwnLogReply) -> OwnLogReply:
    lines = reply.checkpoint.split(b"\n")
    lines[1] = b"%d" % (int(lines[1]) + 1)
    return OwnLogReply(checkpoint=b"\n".join(lines), leaves=reply.leaves, next=reply.next)


@pytest.mark.parametrize("lie", [another_leaf, another_checkpoint])
async def test_a_peer_that_shows_another_log_is_refused_and_nothing_changes(tmp_path: Path, lie: Any) -> None:
    a, b = await behind(tmp_path)
    before = content(a)
    async with b.running(), node_without_ports(a.settings, system_clock) as node:
        dial = node.recovering._dial
        node.recovering._dial = lambda lab: Lying(dial(lab), lie)
        with pytest.raises(VerificationError):
            await node.recovering.recover((), ())
    assert content(a) == before
    async with b.running():
        assert (await recover(a)).sessions == 1


async def test_an_altered_entry_counts_as_undisclosed_and_the_session_comes_from_the_peers_own_log(
    tmp_path: Path,
) -> None:
    a, b = await behind(tmp_path)
    async with b.running():
        async with node_without_ports(a.settings, system_clock) as node:
            dial = node.recovering._dial
            node.recovering._dial = lambda lab: Lying(dial(lab), another_entry)
            done = await node.recovering.recover((), ())
        assert done.undisclosed == done.entries
        assert done.sessions == 1
        assert done.logged >= 4
        async with a.running():
            assert (await match(a, LABS[1]))["state"] == "complete"
    report = await audited(a, b)
    assert broken(report) == {}
    unproven = {claim.name for claim in report.claims if claim.state is State.NOT_PROVABLE}
    assert {"counters complete", "sets committed before their session"} <= unproven


async def test_killed_in_the_middle_nothing_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await behind(tmp_path)
    before = content(a)
    async with b.running():
        for point in ("store_leaf", "withhold", "adopt_agreements"):
            with monkeypatch.context() as dying:

                def die(*_: Any, **__: Any) -> None:
                    raise KeyboardInterrupt

                dying.setattr(f"psi_service.recovery.writing.{point}", die)
                with pytest.raises(KeyboardInterrupt):
                    await recover(a)
            assert content(a) == before, point
        done = await recover(a)
        assert (done.sessions, done.withheld) == (1, 0)
        assert (await recover(a)).entries == 0, "a second time there is nothing left to do"


async def test_a_peer_that_cannot_be_asked_stops_it_unless_it_is_left_out(tmp_path: Path) -> None:
    a, b = await behind(tmp_path)
    with pytest.raises(PeerUnreachable, match=f"--without {LABS[1]}"):
        await recover(a)
    done = await recover(a, without=[LABS[1]])
    assert (done.entries, done.sessions) == (0, 0)
    assert done.withheld == 2, "what may have been spent counts as spent"
    async with b.running(), a.running() as node:
        # lab-b is back, and knows better: the log was set back after all.
        async with asyncio.timeout(20):
            while node.services.log.refusal is None:  # noqa: ASYNC110 -- the peer is asked in the background
                await asyncio.sleep(0.02)


async def test_an_export_brings_everything_back_in_plain(tmp_path: Path) -> None:
    a, b = await behind(tmp_path)
    lost = Place(tmp_path / "lost")
    async with node_without_ports(lost.settings, system_clock) as node:
        made = await export_log(node.services.store, node.services.log, tmp_path / "export")
    async with b.running():
        done = await recover(a, tmp_path / "export")
    assert (done.before + done.entries, done.undisclosed) == (made.size, 0)
    bundle = next((tmp_path / "export" / "tile" / "entries").glob("*.p/*"))
    bundle.write_bytes(bundle.read_bytes().replace(b"lab-a", b"lab-x"))
    shutil.rmtree(a.data_dir)
    shutil.copytree(tmp_path / "backup", a.data_dir)
    async with b.running():
        again = await recover(a, tmp_path / "export")
    assert (again.entries, again.sessions) == (done.entries, 1), "altered entries count as hashes alone"


async def test_a_head_file_that_nobody_reaches_leaves_the_other_way(tmp_path: Path) -> None:
    a, b = await behind(tmp_path)
    head = a.settings.head_path
    lines = (tmp_path / "lost" / "head" / "head").read_text().split("\n")
    head.write_text("\n".join([lines[0], str(int(lines[1]) + 5), *lines[2:]]))
    before = content(a)
    async with b.running():
        with pytest.raises(NodeRefusing, match="psi-node log new-start"):
            await recover(a)
    assert content(a) == before
