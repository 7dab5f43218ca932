"""Two labs whose logs are written to folders, honestly; the tests then plant lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer, Verifier
from psi_core.log.tiles import layout
from psi_core.session.closing import Claims, Hashes, Record, RecordLane, Sizes


class Lab:
    """A lab with its two keys and a log in memory."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.document = Signer.from_seed(name, bytes([seed]) * 32)
        self.log_key = Signer.from_seed(f"{name}/psi-log", bytes([seed + 1]) * 32)
        self.entries: list[bytes] = []
        self.nodes: dict[tuple[int, int], bytes] = {}

    @property
    def verifiers(self) -> tuple[Verifier, Verifier]:
        return self.log_key.verifier, self.document.verifier

    def add(self, kind: EntryKind, body: dict[str, Any], peer: str | None = None) -> int:
        salt = len(self.entries).to_bytes(16, "big")
        return self.add_bytes(Entry(kind, salt, "2026-11-24T00:00:00Z", peer, body).encode())

    def add_bytes(self, data: bytes) -> int:
        position = len(self.entries)
        for level, at, value in tree.appended(
            position, tree.leaf_hash(data), lambda *where: self.nodes[where]
        ):
            self.nodes[level, at] = value
        self.entries.append(data)
        return position

    def add_note(self, note: bytes, kind: EntryKind = EntryKind.RECORD) -> int:
        return self.add(kind, {"note": note.decode()})

    def pad(self, count: int) -> None:
        for number in range(count):
            self.add(EntryKind.ADMIN, {"action": "import", "rows": number})

    def checkpoint(self) -> bytes:
        size = len(self.entries)
        root = tree.root(size, lambda *where: self.nodes[where])
        return Checkpoint(self.log_key.name, size, root).signed(self.log_key)

    def export(self, folder: Path) -> Path:
        for path, content in layout(
            len(self.entries), lambda *where: self.nodes[where], self.entries.__getitem__
        ):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        folder.mkdir(exist_ok=True)
        (folder / "checkpoint").write_bytes(self.checkpoint())
        return folder


def make_record(initiator: Lab, responder: Lab, counter: int, **changes: Any) -> Record:
    lane = RecordLane(
        match_key="email",
        engine="openmined",
        variant="semi-honest",
        sizes=Sizes(initiator=64, responder=128),
        parameters={"buckets": 1, "bucket_size": 128},
        security="semi-honest",
        snapshots=Hashes(initiator="a" * 64, responder="b" * 64),
        results=Claims(initiator="1", responder="1"),
    )
    values: dict[str, Any] = {
        "session_id": counter.to_bytes(16, "big").hex(),
        "initiator": initiator.name,
        "responder": responder.name,
        "agreement": "1" * 64,
        "offer": "2" * 64,
        "accept": "3" * 64,
        "ctx": "4" * 64,
        "period": 1,
        "counter": counter,
        "previous": "0" * 64,
        "direction": "both",
        "reveal": "items",
        "lanes": (lane,),
        "transcripts": Hashes(initiator="5" * 64, responder="6" * 64),
        "outcome": "ok",
    }
    return Record(**(values | changes))


def settle(initiator: Lab, responder: Lab, record: Record) -> None:
    """Log a session as two honest nodes do: one signature, both, then `countersigned`."""
    both = record.signed(initiator.document, responder.document)
    initiator.add_note(record.signed(initiator.document))
    responder.add_note(both)
    initiator.add_note(both, EntryKind.COUNTERSIGNED)


@pytest.fixture
def lab_a() -> Lab:
    return Lab("lab-a.example", 1)


@pytest.fixture
def lab_b() -> Lab:
    return Lab("lab-b.example", 11)


@pytest.fixture
def new_record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def settled() -> Callable[[Lab, Lab, Record], None]:
    return settle
