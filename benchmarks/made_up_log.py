"""A lab's log of sessions as a node writes it, made without a node: real texts, real signatures, no list behind them.

Every session has eight entries with eight signatures: snapshot, offer, decision, two pre-records, record,
countersigned, checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psi_core.agreement.agreement import Agreement, EngineTerms, MatchKeyTerms
from psi_core.engines.registry import known_engines
from psi_core.identity.instant import instant
from psi_core.log import tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer, Verifier
from psi_core.session.closing import Claims, Hashes, Record, pre_record, record
from psi_core.session.opening import Accept, Lane, Offer

LAB, PEER = "lab-a.example", "lab-b.example"
START = datetime(2026, 11, 2, tzinfo=UTC)
"""Sessions are a minute apart."""
MATCH_KEY, SIZE, SESSION_ENTRIES = "email", 1024, 8
ENGINE, VARIANT = "vole", "malicious"
_TEXTS: dict[str, Any] = {"protocol": "psi/1", "initiator": LAB, "responder": PEER, "period": 0}


@dataclass
class MadeUpLog:
    """The log of lab-a.example, and the keys that an auditor needs for it."""

    entries: list[bytes] = field(default_factory=list)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log_key = Signer.generate(f"{LAB}/psi-log")
        self.own, self.peer = Signer.generate(LAB), Signer.generate(PEER)
        self._peer_log = Signer.generate(f"{PEER}/psi-log")

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """Of all that signs in it."""
        return tuple(each.verifier for each in (self.log_key, self.own, self.peer, self._peer_log))

    def add(self, kind: EntryKind, body: dict[str, Any]) -> None:
        """Log an entry of the pair."""
        number = len(self.entries)
        time = instant(_time(number // SESSION_ENTRIES))
        data = Entry(kind, number.to_bytes(16, "big"), time, PEER, body).encode()
        for level, at, value in tree.appended(number, tree.leaf_hash(data), lambda *where: self.nodes[where]):
            self.nodes[level, at] = value
        self.entries.append(data)

    def checkpoint(self) -> str:
        """A signed checkpoint of what is logged so far."""
        size = len(self.entries)
        root = tree.root(size, lambda *where: self.nodes[where])
        return Checkpoint(self.log_key.name, size, root).signed(self.log_key).decode()

    def peer_checkpoint(self, size: int) -> str:
        """A checkpoint of the other lab's log; nobody looks into that one here."""
        return Checkpoint(self._peer_log.name, size, bytes(32)).signed(self._peer_log).decode()


def log_of_sessions(sessions: int) -> MadeUpLog:
    """An agreement, then so many sessions in which both labs learn."""
    log, terms, previous = MadeUpLog(), _agreement(), "0" * 64
    note = terms.signed(log.own, log.peer).decode()
    log.add(EntryKind.AGREEMENT, {"action": "in_force", "agreement": terms.hash().hex(), "note": note})
    for counter in range(1, sessions + 1):
        previous = _session(log, terms, counter, previous)
    return log


def _session(log: MadeUpLog, terms: Agreement, counter: int, previous: str) -> str:
    """Log one session; returns the hash of its record."""
    offer, accept = _texts(log, terms, counter, previous)
    text = record(offer, accept, ("malicious",), (Claims(initiator="1", responder="1"),), _hashes("56"))
    for kind, body in _entries(log, offer, accept, text):
        log.add(kind, body)
    return text.hash().hex()


def _texts(log: MadeUpLog, terms: Agreement, counter: int, previous: str) -> tuple[Offer, Accept]:
    engine = known_engines()[ENGINE]
    common = _TEXTS | {
        "session_id": f"{counter:032x}",
        "agreement": terms.hash().hex(),
        "consortium_key_id": terms.consortium_key_id,
        "profile": terms.profile,
        "direction": "both",
        "reveal": "items",
    }
    lane: dict[str, Any] = {"match_key": MATCH_KEY, "engine": ENGINE, "variant": VARIANT, "padded_size": SIZE}
    offer = Offer(
        **common,
        lanes=(Lane(**lane, snapshot="a" * 64, parameters={}),),
        nonce=f"{counter:064x}",
        checkpoint=log.checkpoint(),
        counter=counter,
        previous=previous,
        expires=instant(_time(counter + 2)),
    )
    parameters = engine.parameters(SIZE, SIZE, "items")
    accept = Accept(
        **common,
        lanes=(Lane(**lane, snapshot="b" * 64, parameters=parameters),),
        nonce=f"{counter + (1 << 200):064x}",
        checkpoint=log.peer_checkpoint(8 * counter),
        offer=offer.hash().hex(),
    )
    return offer, accept


def _entries(
    log: MadeUpLog, offer: Offer, accept: Accept, text: Record
) -> Iterator[tuple[EntryKind, dict[str, Any]]]:
    session, lane = offer.session_id, offer.lanes[0]
    snapshot = {"session_id": session, "match_key": MATCH_KEY, "padded_size": SIZE}
    cost = known_engines()[ENGINE].evaluations(accept.lanes[0].parameters, SIZE)
    debit = {"lane": 0, "match_key": MATCH_KEY, "receiver": PEER, "evaluations": cost}
    yield EntryKind.SNAPSHOT, {**snapshot, "commitment": lane.snapshot}
    yield EntryKind.OFFER, {"note": offer.signed(log.own).decode()}
    decision = {"note": accept.signed(log.peer).decode(), "session_id": session, "accepted": True}
    yield EntryKind.DECISION, {**decision, "debits": [debit]}
    for signer in (log.own, log.peer):
        announced = pre_record(offer, accept, signer.name, text.transcripts)
        yield EntryKind.PRE_RECORD, {"note": announced.signed(signer).decode()}
    yield EntryKind.RECORD, {"note": text.signed(log.own).decode()}
    yield EntryKind.COUNTERSIGNED, {"note": text.signed(log.own, log.peer).decode()}
    yield EntryKind.CHECKPOINT, {"note": log.peer_checkpoint(8 * offer.counter + 7)}


def _time(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def _hashes(digits: str) -> Hashes:
    return Hashes(initiator=digits[0] * 64, responder=digits[1] * 64)


def _agreement() -> Agreement:
    most = 1 << 40
    return Agreement(
        title="benchmark",
        labs=(LAB, PEER),
        match_keys=(MatchKeyTerms(match_key=MATCH_KEY, max_size=most, evaluations_per_period=most),),
        learns=(LAB, PEER),
        reveal=("items",),
        engines=(EngineTerms(engine=ENGINE, variant=VARIANT),),
        valid_from="2026-11-01T00:00:00Z",
        valid_until="2027-11-01T00:00:00Z",
        period_start="2026-11-01T00:00:00Z",
        period_seconds=30 * 86_400,
        minimum_interval_seconds=0,
        padding_bucket=SIZE,
        late_abort_limit=3,
        profile="v1",
        consortium_key_id="0" * 16,
        created="2026-11-01T00:00:00Z",
        nonce="1" * 32,
    )
