"""Two labs in one process for tests of sessions: real stores, logs and books, frames over queues instead of gRPC."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlite_utils

from psi_core.agreement.agreement import Agreement, EngineTerms, MatchKeyTerms
from psi_core.engines.interface import Engine, LaneContext, Outcome, Reveal, Worker
from psi_core.engines.registry import engines
from psi_core.errors import NotFound, PeerUnreachable, ProtocolFault, PsiError, Refused
from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.fingerprint import fingerprint, key_id
from psi_core.log.entry import Entry, EntryKind
from psi_core.wire.peers_pb2 import ReadLogReply, ReadLogRequest, SettleReply, SettleRequest
from psi_core.wire.session_pb2 import SessionFrame
from psi_service.clock import instant
from psi_service.consortium.service import ConsortiumKey
from psi_service.log.node_log import NodeLog
from psi_service.log.peer_view import PeerView
from psi_service.sessions.books import Desk
from psi_service.sessions.epoch_keys import EpochKeys
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.incoming import IncomingSessions
from psi_service.sessions.progress import Phase
from psi_service.sessions.running import Running
from psi_service.sessions.service import SessionService
from psi_service.sessions.settling import Settling
from psi_service.sessions.surroundings import Limits, Surroundings
from psi_service.sessions.views import SessionView
from psi_service.store.database import Store

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY = bytes(range(32))
LAB_A, LAB_B = "lab-a.example", "lab-b.example"


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class PlainReceiver:
    """Learns by comparing items in the clear: an engine for tests of everything around engines."""

    lane: LaneContext
    opened: bool = False
    done: bool = False
    _theirs: frozenset[bytes] = field(default=frozenset(), repr=False)

    def start(self) -> Iterator[bytes]:
        yield b"request"

    def receive(self, frame: bytes) -> Iterator[bytes]:
        if self.done:
            raise ProtocolFault("a frame too many")
        if not self.opened:
            if frame != b"setup":
                raise ProtocolFault("no set-up")
            self.opened = True
        else:
            if len(frame) != 32 * self.lane.peer_size:
                raise ProtocolFault("the response has another length than the lane")
            self._theirs = frozenset(frame[at : at + 32] for at in range(0, len(frame), 32))
            self.done = True
        return iter(())

    def result(self) -> Outcome:
        positions = tuple(n for n, each in enumerate(self.lane.items) if each in self._theirs)
        return Outcome(positions if self.lane.reveal == "items" else None, len(positions))


@dataclass
class PlainSender:
    """The other half: sends every item."""

    lane: LaneContext
    opened: bool = False

    def start(self) -> Iterator[bytes]:
        yield b"setup"

    def receive(self, frame: bytes) -> Iterator[bytes]:
        if self.opened or frame != b"request":
            raise ProtocolFault("one request is due, and no more")
        self.opened = True
        return iter(())

    def complete(self) -> Iterator[bytes]:
        yield b"".join(self.lane.items)


class PlainEngine:
    """Stands in for `openmined` in unit tests, under its name; no privacy at all."""

    name = "openmined"
    variant = "semi-honest"
    security = "semi-honest"
    one_run_for_both = False
    item_bytes = 32
    seals_labels = False

    def parameters(self, own_size: int, peer_size: int, reveal: Reveal) -> dict[str, int]:
        return {"buckets": 1, "bucket_size": max(own_size, peer_size)}

    def key_parameters(self, key: object) -> dict[str, int]:
        return {}

    def evaluations(
        self, parameters: Mapping[str, int], peer_size: int, *, peer_receives: bool = True
    ) -> int:
        return parameters["buckets"] * parameters["bucket_size"]

    def receiver(self, lane: LaneContext, worker: Worker) -> PlainReceiver:
        return PlainReceiver(lane)

    def sender(self, lane: LaneContext, worker: Worker) -> PlainSender:
        return PlainSender(lane)


class NoWorker:
    """For engines that need no worker."""

    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        raise AssertionError("the plain engine gives no orders")


@dataclass
class QueueStream:
    """One end of a session stream over two queues. `cut` ends it as a broken connection does.

    `tamper` sees each frame on its way out and returns the frames to send instead. `over`: the other end has ended;
    what it sent before is read all the same. `refusal`: what its status said, should it be a policy's.
    """

    outgoing: asyncio.Queue[SessionFrame | None]
    incoming: asyncio.Queue[SessionFrame | None]
    gone: asyncio.Event
    tamper: Any = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: Refused | None = None

    async def send(self, frame: SessionFrame) -> None:
        if self.gone.is_set():
            raise PeerUnreachable("cut", fault="closed")
        copies = (
            [frame]
            if self.tamper is None
            else self.tamper(SessionFrame.FromString(frame.SerializeToString()))
        )
        for each in copies:
            await self._put(each)

    async def _put(self, frame: SessionFrame | None) -> None:
        """Wait for a place in the queue; what nobody reads any more goes nowhere, as over TCP."""
        put = asyncio.ensure_future(self.outgoing.put(frame))
        ends = [asyncio.ensure_future(end.wait()) for end in (self.over, self.gone)]
        await asyncio.wait((put, *ends), return_when=asyncio.FIRST_COMPLETED)
        for each in (put, *ends):
            each.cancel()

    async def receive(self) -> SessionFrame:
        get = asyncio.ensure_future(self.incoming.get())
        gone = asyncio.ensure_future(self.gone.wait())
        await asyncio.wait((get, gone), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if get.done() and (frame := get.result()) is not None:
            return frame
        if get.done():
            with suppress(asyncio.QueueFull):
                self.incoming.put_nowait(None)  # the end stays the end
        get.cancel()
        raise self.refusal or PeerUnreachable("the other end is gone", fault="closed")

    async def close(self) -> None:
        await self._put(None)

    def cancel(self) -> None:
        self.gone.set()


class Lab:
    """One node without its network."""

    def __init__(self, name: str, directory: Path, clock: SetClock, *, limits: Limits | None = None) -> None:
        self.name = name
        self.clock = clock
        self.directory = directory
        self.keys = NodeKeys.generate(name, START)
        self.card = Card.read(self.keys.card(name, f"{name}:7443", START))
        self.limits = limits or Limits(idle_seconds=20, session_seconds=60, redial_seconds=())
        self.peers: dict[str, Lab] = {}
        self.engines: dict[str, Engine] = dict(engines()) | {"openmined": PlainEngine()}
        self.worker: Worker = NoWorker()
        self.consortium = ConsortiumKey(key_id(KEY), "test", "v1", KEY)
        self.agreements: dict[bytes, Agreement] = {}
        self.cut_at: Phase | None = None
        self.down = False
        self.tamper: Any = None
        self.gone: list[asyncio.Event] = []

    async def up(self) -> Lab:
        self.store = Store.open(self.directory, self.clock)
        self.log = NodeLog(self.store, self.keys.log, self.directory / "head" / "log-head", self.clock)
        (self.directory / "head").mkdir(exist_ok=True)
        await self.log.verify_at_start()
        keys = self.keys
        desk = Desk(self.name, self.store, self.log, keys.document, keys.cosigner, self.clock, keys.data_key)
        self.epoch_keys = EpochKeys(desk, keys.data_key)
        around = Surroundings(
            card_of=self._card_of,
            dial=self._dial,
            agreement_of=self._agreement_of,
            consortium_key=self._consortium_key,
            keys=self.epoch_keys,
            engines=self.engines,
            worker=self.worker,
            limits=self.limits,
        )
        self.freezer = freezer = Freezer(desk)
        self.running = Running(self.limits.concurrent_sessions)
        self.sessions = SessionService(desk, around, freezer, self.running, watch=self._watch)
        self.incoming = IncomingSessions(desk, around, freezer, self.running, watch=self._watch)
        self.settling = Settling(desk, around)
        self.down = False
        return self

    async def crash(self) -> None:
        """Go down without a word: connections break, nothing more is written."""
        self.down = True
        await self.store.close()
        for event in self.gone:
            event.set()

    async def stop(self) -> None:
        if not self.down:
            await self.running.stop()
            await self.store.close()

    def agree(self, agreement: Agreement, state: str = "in_force") -> None:
        self.agreements[agreement.hash()] = agreement
        peer = agreement.other(self.name)
        self.store.transaction_now(
            lambda db: db.table("agreements").upsert(
                {
                    "hash": agreement.hash(),
                    "peer": peer,
                    "title": agreement.title,
                    "note": agreement.signed(self.keys.document),
                    "state": state,
                    "created": agreement.created,
                },
                pk="hash",
            )
        )

    def suspects(self, actors: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
        """Put actors with canonical values into the store."""

        def work(db: sqlite_utils.Database) -> None:
            for reference, kinds in actors.items():
                lookup = (self.name + reference).encode().ljust(32, b"\0")[:32]
                db.execute(
                    "INSERT INTO actors (lookup, reference, created) VALUES (?, ?, ?)",
                    (lookup, reference.encode(), instant(self.clock())),
                )
                actor = db.execute("SELECT id FROM actors WHERE lookup = ?", (lookup,)).fetchone()[0]
                rows = [
                    (actor, kind, fingerprint(self.consortium.key, kind, value), 0)
                    for kind, values in kinds.items()
                    for value in values
                ]
                db.conn.executemany(
                    "INSERT INTO indicators (actor, kind, fingerprint, derived) VALUES (?, ?, ?, ?)", rows
                )

        self.store.transaction_now(work)

    def matched(self, peer: str | None = None) -> dict[str, set[str]]:
        """Own actors' references with the match keys that matched."""
        rows = self.store.query_now(
            lambda db: db.execute(
                "SELECT a.reference, m.match_key FROM matches m JOIN actors a ON a.id = m.actor"
            ).fetchall()
        )
        found: dict[str, set[str]] = {}
        for reference, match_key in rows:
            found.setdefault(reference.decode(), set()).add(match_key)
        return found

    def entries(self, *kinds: EntryKind) -> list[Entry]:
        rows = self.store.query_now(
            lambda db: db.execute("SELECT data FROM log_entries ORDER BY position").fetchall()
        )
        found = [Entry.decode(data) for (data,) in rows]
        return [each for each in found if not kinds or each.kind in kinds]

    def table(self, name: str) -> list[dict[str, Any]]:
        return self.store.query_now(lambda db: list(db.query(f"SELECT * FROM {name}")))

    def _watch(self, session_id: str, phase: Phase) -> None:
        if phase is self.cut_at:
            self.cut_at = None
            for event in self.gone:
                event.set()

    def _card_of(self, lab: str) -> Card:
        if lab not in self.peers:
            raise NotFound(f"{lab} is not pinned")
        return self.peers[lab].card

    async def _agreement_of(self, agreement: bytes) -> Agreement:
        if agreement not in self.agreements:
            raise NotFound("no such agreement")
        return self.agreements[agreement]

    async def _consortium_key(self) -> ConsortiumKey:
        return self.consortium

    async def _dial(self, lab: str) -> QueueConnection:
        peer = self.peers[lab]
        if peer.down:
            raise PeerUnreachable("down", fault="no_route")
        return QueueConnection(self, peer)


@dataclass
class QueueConnection:
    """What PeerClient is in the node."""

    own: Lab
    peer: Lab
    answering: list[asyncio.Task[None]] = field(default_factory=list)
    opened: list[asyncio.Event] = field(default_factory=list)

    def run(self) -> QueueStream:
        forth: asyncio.Queue[SessionFrame | None] = asyncio.Queue(4)
        back: asyncio.Queue[SessionFrame | None] = asyncio.Queue(4)
        gone = asyncio.Event()
        self.opened.append(gone)
        self.own.gone.append(gone)
        self.peer.gone.append(gone)
        ours = QueueStream(forth, back, gone, tamper=self.own.tamper)
        theirs = QueueStream(back, forth, gone, tamper=self.peer.tamper)
        self.answering.append(asyncio.create_task(self._answer(theirs, ours)))
        return ours

    async def _answer(self, stream: QueueStream, other_end: QueueStream) -> None:
        try:
            await self.peer.incoming.serve(stream, self.own.name)
        except PsiError as fault:
            if isinstance(fault, Refused):
                other_end.refusal = Refused(fault.rule, fault.words, by=self.peer.name)
            await stream.close()
        finally:
            other_end.over.set()

    async def settle(self, session_id: str, *, record: bytes = b"", abort: bytes = b"") -> SettleReply:
        if self.peer.down:
            raise PeerUnreachable("down", fault="no_route")
        request = SettleRequest(lab=self.own.name, session_id=session_id, record=record, abort=abort)
        return await self.peer.sessions.answer_settle(self.own.name, request)

    async def read_log(self, *, entries_from: int) -> ReadLogReply:
        if self.peer.down:
            raise PeerUnreachable("down", fault="no_route")
        view = PeerView(self.peer.store, self.peer.log)
        request = ReadLogRequest(lab=self.own.name, entries_from=entries_from)
        return await view.read(self.own.name, request)

    async def close(self) -> None:
        if self.answering:
            _, waiting = await asyncio.wait(self.answering, timeout=2)
            # As a real connection does: whoever still waits for a frame learns that none will come.
            for event in self.opened if waiting else ():
                event.set()
            await asyncio.wait(self.answering, timeout=20)


def agreement_between(a: str = LAB_A, b: str = LAB_B, **changes: Any) -> Agreement:
    """A generous agreement for tests."""
    values: dict[str, Any] = {
        "title": "test",
        "labs": (a, b),
        "match_keys": tuple(
            MatchKeyTerms(match_key=name, max_size=100_000, evaluations_per_period=1_000_000)
            for name in ("email", "device_id", "ip+user_agent")
        ),
        "learns": (a, b),
        "reveal": ("items", "count"),
        "engines": (
            EngineTerms(engine="openmined", variant="semi-honest"),
            EngineTerms(engine="oprf", variant="verifiable"),
        ),
        "valid_from": "2026-11-01T00:00:00Z",
        "valid_until": "2027-11-01T00:00:00Z",
        "period_start": "2026-11-01T00:00:00Z",
        "period_seconds": 30 * 86400,
        "minimum_interval_seconds": 0,
        "padding_bucket": 64,
        "late_abort_limit": 3,
        "profile": "v1",
        "consortium_key_id": key_id(KEY),
        "created": "2026-11-01T00:00:00Z",
        "nonce": secrets.token_hex(16),
    }
    return Agreement(**(values | changes))


async def two_labs(directory: Path, agreement: Agreement | None = None) -> tuple[Lab, Lab, Agreement]:
    """lab-a and lab-b, pinned to each other, one agreement in force."""
    clock = SetClock()
    a = await Lab(LAB_A, directory / "a", clock).up()
    b = await Lab(LAB_B, directory / "b", clock).up()
    a.peers[LAB_B], b.peers[LAB_A] = b, a
    terms = agreement or agreement_between()
    a.agree(terms)
    b.agree(terms)
    return a, b, terms


async def run(lab: Lab, peer: Lab, terms: Agreement, **asked: Any) -> SessionView:
    """One session that `lab` starts, to its end."""
    asked.setdefault("direction", "both")
    asked.setdefault("engine", "openmined")
    session_id = await lab.sessions.start(peer.name, agreement=terms.hash().hex(), **asked)
    return await lab.sessions.wait(session_id)
