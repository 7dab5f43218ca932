"""Nodes that lose the end of their log, and what tests ask of them before and after."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psi_client.audit import Auditor, Report, State
from psi_core.identity.card import Card
from psi_service.backup.restoring import planned, restore
from psi_service.backup.secret import KEY_FILE, BackupSecret
from psi_service.clock import system_clock
from psi_service.log.export import export_log
from psi_service.log.mirror import Mirror
from psi_service.node.app import Node
from psi_service.node.reach import node_without_ports
from psi_service.recovery.key_files import finish
from psi_service.recovery.renewing import Renewed
from psi_service.recovery.writing import Recovered
from psi_service.store.reading import reading
from tests.two_nodes import LABS, Place, introduce, places

EMAIL = {"match_key": "email", "max_size": 50_000, "evaluations_per_period": 100_000}
OLD, NEW = "lab-a.example/psi-log", "lab-a.example/psi-log/2"
SECRET = BackupSecret(KEY_FILE, b"k" * 32)


async def import_actors(place: Place, *names: str) -> None:
    file = place.data_dir / "list.csv"
    file.write_text("actor,kind,value\n" + "".join(f"acct-{name},email,{name}@x.org\n" for name in names))
    await place.ask(lambda client: client.import_file(file))


async def match(place: Place, peer: str, **wishes: Any) -> dict[str, Any]:
    standings = await place.ask(lambda client: list(client.follow(client.match(peer, **wishes))))
    return dict(standings[-1]["session"])


async def keep(keeper: Node, other: Place) -> None:
    """Let a node keep what is new of the other's log, as its background rounds do."""
    lab = other.settings.lab
    peers = keeper._peers  # the rounds are on a timer of seconds
    async with peers.delivery.client(lab) as client:
        await Mirror(keeper._ground.store, system_clock).refresh(peers.directory.get(lab), client)


async def recover(place: Place, *exports: Path, without: Sequence[str] = ()) -> Recovered:
    async with node_without_ports(place.settings, system_clock) as node:
        return await node.recovering.recover(exports, without)


def set_back(place: Place, to: Path) -> None:
    """The whole folder as it was, head file and all: only the peer knows better."""
    shutil.rmtree(place.data_dir)
    shutil.copytree(to, place.data_dir)


def lose(place: Place, to: Path) -> None:
    """A backup comes back on a new disk."""
    shutil.rmtree(place.data_dir)
    with planned(place.data_dir, to, SECRET) as plan:
        assert not restore(plan, system_clock).kept_log


def card_of(place: Place) -> Card:
    return Card.read((place.data_dir / "card").read_bytes())


async def exported(place: Place, name: str) -> Path:
    """The present log of a node that does not run."""
    folder = place.data_dir.parent / name
    async with node_without_ports(place.settings, system_clock) as node:
        await export_log(node.services.store, node.services.log, folder)
    return folder


async def audited(*kept: Place) -> Report:
    """The audit of both logs, exported now."""
    folders, keys = [], []
    for place in kept:
        folders.append(await exported(place, f"export-{place.settings.lab}"))
        card = card_of(place)
        keys += [card.log_verifier, card.document_verifier, card.cosigner_verifier]
    return Auditor(keys).verify(folders)


def broken(report: Report) -> dict[str, str]:
    return {claim.name: claim.words for claim in report.claims if claim.state is State.BROKEN}


def ledger(place: Place) -> list[Any]:
    with reading(place.data_dir) as db:
        return [
            sorted(map(tuple, db.conn.execute(sql).fetchall()))
            for sql in (
                "SELECT session_id, state, counter, record FROM sessions",
                "SELECT session_id, lane, receiver, evaluations FROM debits",
                "SELECT initiator, responder, highest, previous FROM counters",
            )
        ]


async def behind(tmp_path: Path, *, keeping: bool = True) -> tuple[Place, Place]:
    """lab-a was set back by a session, and lab-b keeps all of its log, or nothing; neither runs."""
    a, b = await places(tmp_path)
    async with b.running() as node_b:
        await node_b._mirrors.stop()  # what is kept is the test's to say
        async with a.running():
            await introduce(a, b, [EMAIL])
            await import_actors(a, "ada", "bob")
            await import_actors(b, "bob", "cyd")
        shutil.copytree(a.data_dir, tmp_path / "backup")
        async with a.running():
            assert (await match(a, LABS[1]))["state"] == "complete"
            if keeping:
                await keep(node_b, a)
    shutil.copytree(a.data_dir, tmp_path / "lost")
    set_back(a, tmp_path / "backup")
    return a, b


def content(place: Place) -> list[Any]:
    with reading(place.data_dir) as db:
        tables = (
            "log_entries",
            "log_nodes",
            "sessions",
            "debits",
            "counters",
            "epoch_keys",
            "own_checkpoints",
        )
        return [db.conn.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables]


async def rotate(place: Place, **wishes: Any) -> Renewed:
    async with node_without_ports(place.settings, system_clock) as node:
        done = await node.renewing.rotate(**wishes)
    assert finish(place.settings) is not None
    return done


async def new_start(place: Place, *, without: tuple[str, ...] = (), number: int | None = None) -> Renewed:
    async with node_without_ports(place.settings, system_clock) as node:
        done = await node.renewing.new_start((), without, number)
    assert finish(place.settings) is not None
    return done


async def pinned_anew(at: Place, other: Place) -> None:
    note = (other.data_dir / "card").read_text()
    await at.ask(lambda client: client.add_peer(note))


async def ready(tmp_path: Path) -> tuple[Place, Place]:
    """Two labs with one session behind them; neither runs."""
    a, b = await places(tmp_path)
    async with b.running(), a.running():
        await introduce(a, b, [EMAIL])
        await import_actors(a, "ada", "bob")
        await import_actors(b, "bob", "cyd")
        assert (await match(a, LABS[1]))["state"] == "complete"
    return a, b
