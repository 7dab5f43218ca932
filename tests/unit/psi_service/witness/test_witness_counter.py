"""An independent witness: every answer of add-checkpoint, and what it remembers across a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from psi_core.errors import Conflict, InvalidConfiguration
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signer
from psi_core.log.note import Note
from psi_core.log.witness import AddCheckpoint, size_of_answer, with_cosignatures
from psi_service.store.database import Store
from psi_service.witness import folder
from psi_service.witness.counter import Counter
from psi_service.witness.port import build_witness

LOG = Signer.from_seed("lab-a.example/psi-log", bytes(range(32)))
LEAVES = [tree.leaf_hash(b"%d" % number) for number in range(40)]
OTHERS = [tree.leaf_hash(b"other %d" % number) for number in range(40)]
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def request(old: int, new: int, leaves: list[bytes] = LEAVES, signer: Signer = LOG) -> bytes:
    def read(level: int, position: int) -> bytes:
        return tree.root_of(leaves[position << level : (position + 1) << level])

    proof = tuple(tree.consistency_proof(old, new, read)) if old <= new else ()
    note = Checkpoint(signer.name, new, tree.root_of(leaves[:new])).signed(signer)
    return AddCheckpoint(old, proof, note).render()


class Running:
    """A witness on a folder, answered through its real HTTP application."""

    def __init__(self, directory: Path) -> None:
        self.read = folder.read(directory)
        self.store = Store.open(directory, lambda: NOW)
        counter = Counter(self.store, self.read.cosigner, self.read.logs, lambda: NOW)
        self._client = TestClient(build_witness(counter))

    def post(self, body: bytes) -> tuple[int, bytes]:
        found = self._client.post("/add-checkpoint", content=body)
        return found.status_code, found.content

    def raw(self, method: str, path: str, body: bytes = b""):
        return self._client.request(method, path, content=body)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder.make(tmp_path / "w", "witness.example")
    with (tmp_path / "w" / "logs").open("a") as file:
        file.write(f"{LOG.verifier}\n")
    return tmp_path / "w"


@pytest.fixture
def witness(directory: Path) -> Iterator[Running]:
    running = Running(directory)
    yield running
    running.store.close_now()


def test_a_growing_log_is_cosigned(witness: Running) -> None:
    for old, new in ((0, 3), (3, 3), (3, 17), (17, 40)):
        body = request(old, new)
        status, answer = witness.post(body)
        assert status == 200
        note = with_cosignatures(AddCheckpoint.parse(body).note, answer, witness.read.cosigner.verifier)
        assert int.from_bytes(note.signatures[-1].value[:8], "big") == int(NOW.timestamp())


def test_a_stale_size_is_answered_with_the_size(witness: Running) -> None:
    witness.post(request(0, 5))
    for body in (request(0, 9), request(3, 9), request(0, 5)):
        status, answer = witness.post(body)
        assert (status, size_of_answer(answer)) == (409, 5)
    found = witness.raw("POST", "/add-checkpoint", request(0, 9))
    assert found.headers["content-type"] == "text/x.tlog.size"


def test_a_fork_gets_no_cosignature(witness: Running) -> None:
    witness.post(request(0, 5))
    assert witness.post(request(5, 5, OTHERS))[0] == 409
    assert witness.post(request(5, 9, OTHERS))[0] == 422
    assert witness.post(request(5, 9))[0] == 200


def test_unknown_logs_forged_and_malformed_requests(witness: Running) -> None:
    stranger = Signer.generate("lab-x.example/psi-log")
    assert witness.post(request(0, 5, signer=stranger))[0] == 404
    assert witness.post(request(0, 5, signer=Signer.generate(LOG.name)))[0] == 403
    body = request(0, 5)
    for malformed in (
        b"",
        b"old 0\n",
        body.replace(b"old 0", b"old 00"),
        body[:-1],
        body.replace(b"\n5\n", b"\n05\n"),
    ):
        assert witness.post(malformed)[0] == 400
    assert witness.post(request(9, 5))[0] == 400
    assert witness.post(b"x" * 100_000)[0] == 413
    assert witness.raw("GET", "/add-checkpoint").status_code == 405
    assert witness.raw("POST", "/").status_code == 404


def test_what_was_cosigned_outlives_a_restart(directory: Path) -> None:
    first = Running(directory)
    assert first.post(request(0, 7))[0] == 200
    first.store.close_now()
    second = Running(directory)
    assert second.post(request(0, 9)) == (409, b"7\n")
    assert second.post(request(7, 9))[0] == 200
    second.store.close_now()


async def test_two_requests_at_once_cannot_set_it_back(directory: Path) -> None:
    running = Running(directory)
    counter = Counter(running.store, running.read.cosigner, running.read.logs, lambda: NOW)
    answers = await asyncio.gather(*(counter.add_checkpoint(request(0, size)) for size in range(1, 12)))
    assert sorted(each.status for each in answers) == [200] + [409] * 10
    row = running.store.query_now(lambda db: list(db["witnessed_logs"].rows))
    (good,) = [each for each in answers if each.status == 200]
    assert Note.parse(row[0]["note"]).render().endswith(good.body)
    await running.store.close()


def test_a_folder_is_made_once_and_needs_logs(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        folder.make(directory, "witness.example")
    assert (directory / "cosigner").stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidConfiguration, match="witness init"):
        folder.read(tmp_path / "nothing")
    folder.make(tmp_path / "idle", "idle.example")
    with pytest.raises(InvalidConfiguration, match="holds no key"):
        folder.read(tmp_path / "idle")
