"""Labs whose logs are written to folders as honest nodes write them; tests of the auditor then plant lies.

`session` gives the entries of one whole session, lab by lab, in the order of logging. A test may leave one out,
move it or change it before `write` logs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psi_core.agreement.agreement import Agreement
from psi_core.engines.registry import engines
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import COSIGNATURE, Signer, Verifier
from psi_core.log.note import Note
from psi_core.log.tiles import layout
from psi_core.session.closing import (
    Claims,
    Hashes,
    PreRecord,
    Record,
    RecordLane,
    Sizes,
    pre_record,
    record,
)
from psi_core.session.opening import Accept, Lane, Offer
from tests.two_labs import agreement_between

ZEROS = "0" * 64


class Lab:
    """A lab with its keys and a log in memory."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.document = Signer.from_seed(name, bytes([seed]) * 32)
        self.log_key = Signer.from_seed(f"{name}/psi-log", bytes([seed + 1]) * 32)
        self.cosigner = Signer.from_seed(name, bytes([seed + 2]) * 32, COSIGNATURE)
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


def agree(terms: Agreement, *labs: Lab) -> None:
    """Log an agreement in force at both labs."""
    note = terms.signed(*(lab.document for lab in labs)).decode()
    for lab in labs:
        body = {"action": "in_force", "agreement": terms.hash().hex(), "note": note}
        lab.add(EntryKind.AGREEMENT, body, peer=terms.other(lab.name))


@dataclass(frozen=True)
class Line:
    """One entry to be logged by `lab`; `body` is made when it is written. `tag` is for a test to find it by."""

    lab: Lab
    tag: str
    kind: EntryKind
    body: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Session:
    """One session as both labs log it."""

    offer: Offer
    accept: Accept
    record: Record
    lines: tuple[Line, ...]

    def without(self, lab: Lab, *tags: str) -> Session:
        """Leave entries of one lab out."""
        return replace(
            self, lines=tuple(line for line in self.lines if line.lab is not lab or line.tag not in tags)
        )

    def last(self, lab: Lab, tag: str) -> Session:
        """Log an entry after all others."""
        moved = [line for line in self.lines if (line.lab, line.tag) == (lab, tag)]
        rest = [line for line in self.lines if (line.lab, line.tag) != (lab, tag)]
        return replace(self, lines=(*rest, *moved))

    def write(self) -> dict[tuple[str, str], int]:
        """Log every entry; returns positions by lab and tag."""
        found = {}
        for line in self.lines:
            (other,) = {self.offer.initiator, self.offer.responder} - {line.lab.name}
            found[line.lab.name, line.tag] = line.lab.add(line.kind, line.body(), peer=other)
        return found


def session(
    initiator: Lab,
    responder: Lab,
    terms: Agreement,
    counter: int,
    *,
    previous: str = ZEROS,
    size: int = 64,
    counts: tuple[str, str] = ("1", "1"),
    offer: dict[str, Any] | None = None,
    record_of: dict[str, Any] | None = None,
) -> Session:
    """A whole honest session; `offer` and `record_of` change fields of the Offer and of the record."""
    own = Lane(
        match_key="email",
        engine="openmined",
        variant="semi-honest",
        padded_size=size,
        snapshot="a" * 64,
        parameters={},
    )
    engine = engines()["openmined"]
    parameters = engine.parameters(128, size, "items")
    common: dict[str, Any] = {
        "protocol": "psi/1",
        "initiator": initiator.name,
        "responder": responder.name,
        "session_id": f"{len(initiator.entries):016x}{counter:016x}",
        "agreement": terms.hash().hex(),
        "period": 0,
        "consortium_key_id": terms.consortium_key_id,
        "profile": "v1",
        "direction": "both",
        "reveal": "items",
        "labels": None,
    }
    change = offer or {}
    asked = Offer(
        **{
            **common,
            "lanes": (own,),
            "nonce": "1" * 64,
            "checkpoint": initiator.checkpoint().decode(),
            "counter": counter,
            "previous": previous,
            "expires": "2026-11-24T00:02:00Z",
            **change,
        }
    )
    answered = Accept(
        **{
            **common,
            "lanes": (
                own.model_copy(update={"padded_size": 128, "snapshot": "b" * 64, "parameters": parameters}),
            ),
            "nonce": "2" * 64,
            "checkpoint": responder.checkpoint().decode(),
            "offer": asked.hash().hex(),
            **{name: value for name, value in change.items() if name in common},
        }
    )
    transcripts = Hashes(initiator="5" * 64, responder="6" * 64)
    claims = (Claims(initiator=counts[0], responder=counts[1]),)
    text = record(asked, answered, ("semi-honest",), claims, transcripts)
    text = text.model_copy(update=record_of or {})
    cost = engine.evaluations(parameters, 128)
    return Session(asked, answered, text, _lines(initiator, responder, asked, answered, text, cost))


def _lines(
    initiator: Lab, responder: Lab, offer: Offer, accept: Accept, text: Record, cost: int
) -> tuple[Line, ...]:
    labs = (initiator, responder)
    lines: list[Line] = []

    def add(lab: Lab, tag: str, kind: EntryKind, body: Callable[[], dict[str, Any]]) -> None:
        lines.append(Line(lab, tag, kind, body))

    def note(data: bytes, **also: Any) -> Callable[[], dict[str, Any]]:
        return lambda: {"note": data.decode(), **also}

    def snapshot(lane: Lane) -> Callable[[], dict[str, Any]]:
        return lambda: {
            "session_id": offer.session_id,
            "match_key": lane.match_key,
            "padded_size": lane.padded_size,
            "commitment": lane.snapshot,
        }

    signed_offer, signed_accept = offer.signed(initiator.document), accept.signed(responder.document)
    add(initiator, "snapshot", EntryKind.SNAPSHOT, snapshot(offer.lanes[0]))
    add(initiator, "offer", EntryKind.OFFER, note(signed_offer))
    add(responder, "snapshot", EntryKind.SNAPSHOT, snapshot(accept.lanes[0]))
    add(responder, "offer", EntryKind.OFFER, note(signed_offer))
    for lab, other in (labs[::-1], labs):
        debit = {"lane": 0, "match_key": "email", "receiver": other.name, "evaluations": cost}
        also = {"session_id": offer.session_id, "accepted": True, "debits": [debit]}
        add(lab, "decision", EntryKind.DECISION, note(signed_accept, **also))
    for lab, other in (labs, labs[::-1]):
        announced: PreRecord = pre_record(offer, accept, lab.name, text.transcripts)
        add(lab, "own pre-record", EntryKind.PRE_RECORD, note(announced.signed(lab.document)))
        add(other, "peer pre-record", EntryKind.PRE_RECORD, note(announced.signed(lab.document)))
    both = text.signed(initiator.document, responder.document)
    add(initiator, "record", EntryKind.RECORD, note(text.signed(initiator.document)))
    add(responder, "record", EntryKind.RECORD, note(both))
    add(initiator, "countersigned", EntryKind.COUNTERSIGNED, note(both))
    for lab, other in (labs, labs[::-1]):
        add(
            lab, "checkpoint", EntryKind.CHECKPOINT, lambda other=other: {"note": other.checkpoint().decode()}
        )
    return tuple(lines)


def cosign(note: bytes, *witnesses: Signer, time: int = 1_795_000_000) -> bytes:
    """The checkpoint with a cosignature by each witness."""
    parsed = Note.parse(note)
    for witness in witnesses:
        parsed = parsed.with_signature(witness.cosign(parsed.text, time))
    return parsed.render()


def a_year_of(*labs: Lab, **changes: Any) -> Agreement:
    """An agreement between two labs, logged by both."""
    terms = agreement_between(*sorted(lab.name for lab in labs), **changes)
    agree(terms, *sorted(labs, key=lambda lab: lab.name))
    return terms


def honest(initiator: Lab, responder: Lab, sessions: int = 2) -> tuple[Agreement, Sequence[Session]]:
    """An agreement and some sessions in one order, written."""
    terms = a_year_of(initiator, responder)
    previous, done = ZEROS, []
    for counter in range(1, sessions + 1):
        done.append(session(initiator, responder, terms, counter, previous=previous))
        done[-1].write()
        previous = done[-1].record.hash().hex()
    return terms, done
