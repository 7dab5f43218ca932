"""A node's log and an independent witness over real HTTP: proofs, cosignatures, and what a witness knows better."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from psi_client.witness_client import WitnessClient
from psi_core.errors import InvalidCheckpoint, InvalidSignature, PeerUnreachable, ProtocolFault
from psi_core.log.entry import EntryKind
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_service.address import Address
from psi_service.http_api.server import AdminPort
from psi_service.log.cosigned import newest_cosigned
from psi_service.log.node_log import NodeLog
from psi_service.rounds.url_witness import UrlWitness, url_witnesses
from psi_service.store.database import Store
from psi_service.witness.counter import Counter
from psi_service.witness.port import build_witness

LOG = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))
WITNESS = Signer.from_seed("witness.example", bytes([7]) * 32, COSIGNATURE)


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@asynccontextmanager
async def witness(folder: Path) -> AsyncIterator[str]:
    """A running witness; yields its URL."""
    with Store.open(folder, clock) as store:
        port = AdminPort(Address("127.0.0.1", 0))
        counter = Counter(store, WITNESS, {LOG.name: (LOG.verifier,)}, clock)
        await port.start(build_witness(counter), None, 1)
        try:
            yield f"http://{port.address}/"
        finally:
            await port.stop()


@asynccontextmanager
async def node(folder: Path, url: str) -> AsyncIterator[tuple[Store, NodeLog, UrlWitness]]:
    with Store.open(folder, clock) as store:
        log = NodeLog(store, LOG, folder / "head", clock)
        await log.verify_at_start()
        yield store, log, UrlWitness(WitnessClient(WITNESS.verifier, url), store, log, clock)


async def grow(store: Store, log: NodeLog, count: int) -> None:
    await store.transaction(lambda db: [log.append(db, EntryKind.ADMIN, {"n": n}) for n in range(count)])


async def test_a_witness_cosigns_what_grows(tmp_path: Path) -> None:
    async with witness(tmp_path / "w") as url, node(tmp_path / "n", url) as (store, log, asked):
        for count in (3, 9, 0):
            await grow(store, log, count)
            await asked.ask()
            note = Note.parse(await store.query(newest_cosigned))
            assert note.text.split("\n")[1] == str(log.size)
            assert note.verified_by(LOG.verifier, WITNESS.verifier) == (LOG.verifier, WITNESS.verifier)
        # A node that forgot where the witness stands is told.
        await store.transaction(lambda db: db.execute("DELETE FROM log_witnesses"))
        await grow(store, log, 2)
        await asked.ask()
        sizes = [row["size"] for row in store.query_now(lambda db: list(db["cosigned_checkpoints"].rows))]
        assert sizes == [3, 12, 14]


async def test_a_log_that_was_set_back_is_told_by_its_witness(tmp_path: Path) -> None:
    async with witness(tmp_path / "w") as url:
        async with node(tmp_path / "n", url) as (store, log, asked):
            await grow(store, log, 9)
            await asked.ask()
        async with node(tmp_path / "restored", url) as (store, log, asked):
            await grow(store, log, 3)
            with pytest.raises(InvalidCheckpoint, match="set back"):
                await asked.ask()
            log.check()  # a size that nobody signed must not be able to stop a node


async def test_another_key_no_witness_and_other_answers(tmp_path: Path) -> None:
    async with witness(tmp_path / "w") as url, node(tmp_path / "n", url) as (store, log, _):
        await grow(store, log, 3)
        stranger = Signer.generate(WITNESS.name, COSIGNATURE).verifier
        for key, where, error in (
            (stranger, url, InvalidSignature),
            (WITNESS.verifier, f"{url}nothing", ProtocolFault),
            (WITNESS.verifier, "http://127.0.0.1:1", PeerUnreachable),
            (WITNESS.verifier, "nonsense", PeerUnreachable),
        ):
            with pytest.raises(error):
                await UrlWitness(WitnessClient(key, where), store, log, clock).ask()
        assert await store.query(newest_cosigned) == b""


async def test_the_policy_names_whom_to_ask(tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"witness w {WITNESS.verifier} https://witness.example/x\nquorum w\n")
    async with node(tmp_path / "n", "") as (store, log, _):
        assert [each.name for each in url_witnesses(policy, store, log, clock)] == ["witness.example"]
        assert url_witnesses(None, store, log, clock) == ()
