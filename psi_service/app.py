"""The one place where a node is put together, started and stopped, and that owns its signals.

    build   store (lock) ─▶ log ─▶ peers ─▶ consortium, agreements ─▶ imports, actors, sessions, jobs ─▶ both ports
    start   log against head file ─▶ peers' pins ─▶ broken imports ─▶ gRPC ─▶ HTTP ─▶ in the background: peers'
            copies of our checkpoints, unsettled sessions, then jobs
    stop    no new jobs, no new sessions ─▶ open ones aborted and logged ─▶ gRPC ─▶ HTTP ─▶ workers ─▶ store

A node whose log is behind its head file, or a peer's copy, starts all the same: it answers reads, says in its
status what to do, and signs nothing.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

import structlog
from psi_client.channel import TlsIdentity
from psi_client.worker_pool import WorkerPool

from psi_core.engines.registry import engines
from psi_core.identity.node_keys import NodeKeys
from psi_service.actors.service import ActorService
from psi_service.address import Address
from psi_service.agreements.service import AgreementService
from psi_service.clock import Clock
from psi_service.consortium.service import ConsortiumService
from psi_service.dialling import Dialler
from psi_service.first_questions import FirstQuestions
from psi_service.grpc_server.identity import CallerCheck
from psi_service.grpc_server.peers_servicer import PeersServicer
from psi_service.grpc_server.server import PeerServer
from psi_service.grpc_server.sessions_servicer import SessionsServicer
from psi_service.http_api.application import build_api
from psi_service.http_api.guard import names_of
from psi_service.http_api.server import AdminPort, Tls
from psi_service.http_api.services import Services
from psi_service.imports.importer import Importer
from psi_service.incoming_notes import IncomingNotes
from psi_service.jobs.alarms import SchedulerAlarms
from psi_service.jobs.runner import JobRunner
from psi_service.jobs.scheduler import JobScheduler
from psi_service.jobs.service import JobService
from psi_service.jobs.sessions import NodeSessions
from psi_service.jobs.telling import tell
from psi_service.key_files import read_keys
from psi_service.log.node_log import NodeLog
from psi_service.log.peer_view import PeerView
from psi_service.matches.service import MatchService
from psi_service.metrics.metrics import Metrics
from psi_service.own_card import OwnCard, read_card
from psi_service.peer_calls import PeerCalls
from psi_service.peers.delivery import Delivery
from psi_service.peers.directory import PeerDirectory
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pins import PinBoard
from psi_service.peers.probe import PeerProbe
from psi_service.readiness import Readiness
from psi_service.retention.rounds import RetentionRounds
from psi_service.retention.service import RetentionService
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.epoch_keys import EpochKeys
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.incoming import IncomingSessions
from psi_service.sessions.running import Running
from psi_service.sessions.service import SessionService
from psi_service.sessions.surroundings import Limits, Surroundings
from psi_service.settings import Settings
from psi_service.store.database import Store
from psi_service.tokens import Tokens
from psi_service.url_witness import url_witnesses
from psi_service.version import version
from psi_service.witness_rounds import WitnessRounds

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_MIB = 1 << 20


@dataclass(frozen=True)
class _Ground:
    """What every room stands on."""

    settings: Settings
    clock: Clock
    keys: NodeKeys
    card: OwnCard
    store: Store
    log: NodeLog

    @property
    def tls(self) -> TlsIdentity:
        """What this lab shows to peers."""
        return TlsIdentity(self.settings.lab, self.keys.tls_certificate_pem, self.keys.tls_key_pem)


class _Peers:
    """The pinned labs and the ways to them."""

    def __init__(self, ground: _Ground) -> None:
        self.pins = PinBoard()
        self.calls = OpenCalls()
        self.directory = PeerDirectory(
            ground.settings.lab, ground.store, ground.log, self.pins, self.calls, ground.clock
        )
        self.delivery = Delivery(ground.tls, self.directory, self.calls)


class _Terms:
    """The consortium and the agreements."""

    def __init__(self, ground: _Ground, peers: _Peers) -> None:
        card_of, deliver = peers.directory.get, peers.delivery.deliver
        self.consortium = ConsortiumService(
            ground.keys, ground.store, ground.log, card_of, deliver, ground.clock
        )
        self.agreements = AgreementService(
            ground.keys, ground.store, ground.log, card_of, self.consortium.current, deliver, ground.clock
        )

    async def current_key(self) -> tuple[str, bytes]:
        """The current consortium key's id and the key, as imports and matches take it."""
        current = await self.consortium.current()
        return current.key_id, current.key


class _Sessions:
    """Sessions of both roles."""

    def __init__(self, ground: _Ground, peers: _Peers, terms: _Terms) -> None:
        settings = ground.settings
        self.workers = WorkerPool(settings.workers)
        self.metrics = Metrics(settings.lab, version(), ground.store, ground.log, ground.clock)
        self.running = Running(settings.max_sessions, self.metrics.session_ended)
        keys = ground.keys
        desk = Desk(settings.lab, ground.store, ground.log, keys.document, keys.cosigner, ground.clock)
        around = Surroundings(
            card_of=peers.directory.get,
            dial=Dialler(peers.delivery, peers.calls).dial,
            agreement_of=terms.agreements.of_hash,
            consortium_key=terms.consortium.current,
            keys=EpochKeys(desk, ground.keys.data_key),
            engines=engines(),
            worker=self.workers,
            limits=Limits(
                concurrent_sessions=settings.max_sessions,
                idle_seconds=settings.silence_timeout_seconds,
                session_seconds=settings.session_timeout_seconds,
            ),
        )
        freezer = Freezer(desk)
        self.service = SessionService(desk, around, freezer, self.running)
        self.incoming = IncomingSessions(desk, around, freezer, self.running)
        self.checkpoints = Checkpoints(desk)


class _Jobs:
    """Sessions on a timer."""

    def __init__(self, ground: _Ground, sessions: SessionService, agreements: AgreementService) -> None:
        settings, store, clock = ground.settings, ground.store, ground.clock
        runs = NodeSessions(sessions, agreements, settings.lab)
        runner = JobRunner(runs, clock, asyncio.sleep, SystemRandom().random)
        self.scheduler = JobScheduler(store, clock, SchedulerAlarms(), runner, tell)
        self.service = JobService(
            store, ground.log, clock, runs, self.scheduler, commands=settings.job_commands
        )


class Node:
    """One lab's node. `build` makes it; `start` it once, then `stop` it, both on one event loop."""

    def __init__(self, ground: _Ground) -> None:
        self.settings = ground.settings
        self._ground = ground
        self._peers = _Peers(ground)
        terms = _Terms(ground, self._peers)
        self._sessions = _Sessions(ground, self._peers, terms)
        self._jobs = _Jobs(ground, self._sessions.service, terms.agreements)
        calls = PeerCalls(
            ground.card.card,
            version(),
            terms.consortium,
            IncomingNotes(terms.consortium, terms.agreements),
            self._sessions.service,
            self._sessions.checkpoints,
            self._peers.directory.get,
            PeerView(ground.store, ground.log),
        )
        self._rounds = WitnessRounds(
            self._sessions.checkpoints,
            self._peers.directory.list,
            self._peers.delivery.client,
            ground.settings.checkpoint_seconds,
            url_witnesses(ground.settings.witness_policy_path, ground.store, ground.log, ground.clock),
        )
        callers = CallerCheck(self._peers.pins)
        self._peer_port = PeerServer(
            ground.tls,
            self._peers.pins,
            self._peers.calls,
            PeersServicer(callers, calls.handlers, ground.clock),
            SessionsServicer(callers, self._sessions.incoming),
        )
        self.services = self._services(terms, calls)
        self._retention = RetentionRounds(self.services.retention, ground.settings.retention_seconds)
        self._admin_port: AdminPort | None = None
        self._asking: asyncio.Task[None] | None = None
        self._port = 0

    def _services(self, terms: _Terms, calls: PeerCalls) -> Services:
        ground, peers = self._ground, self._peers
        return Services(
            card=ground.card,
            version=version(),
            clock=ground.clock,
            store=ground.store,
            log=ground.log,
            tokens=Tokens(ground.store, ground.log, ground.clock),
            importer=Importer(
                ground.store,
                ground.log,
                ground.clock,
                data_key=ground.keys.data_key,
                current_key=terms.current_key,
                processes=ground.settings.workers,
            ),
            actors=ActorService(ground.store, ground.keys.data_key),
            retention=RetentionService(
                ground.store,
                ground.log,
                ground.clock,
                data_key=ground.keys.data_key,
                current_key=terms.current_key,
            ),
            peers=peers.directory,
            probe=PeerProbe(ground.tls, peers.directory, peers.delivery, calls.facts, ground.clock),
            consortium=terms.consortium,
            agreements=terms.agreements,
            sessions=self._sessions.service,
            jobs=self._jobs.service,
            matches=MatchService(
                ground.store,
                ground.log,
                ground.clock,
                data_key=ground.keys.data_key,
                current_key=terms.current_key,
            ),
            readiness=Readiness(ground.store, ground.log, ground.clock, lambda: self._peer_port.serving),
            metrics=self._sessions.metrics,
            open_metrics=ground.settings.open_metrics,
        )

    @property
    def peer_address(self) -> Address:
        """Where the peer port listens, with the port that was taken."""
        return Address(self.settings.peer_listen_address.host, self._port)

    @property
    def admin_address(self) -> Address:
        """Where the admin port listens, with the port that was taken."""
        return self.settings.admin_address if self._admin_port is None else self._admin_port.address

    async def prepare(self) -> None:
        """Check the log and load the peers: from here on the services can be used. Raises StoreError."""
        await self._ground.log.verify_at_start()
        await self._peers.directory.load()

    async def start(self) -> None:
        """Prepare, open both ports, ask the peers in the background.

        Raises InvalidConfiguration when a port cannot be had, StoreError; `stop` it then too.
        """
        await self.prepare()
        log = self._ground.log
        if log.refusal is None:
            await self.services.importer.recover_at_start()
            # Before anyone can start a session: whatever is unfinished now was left by a crash.
            await self._sessions.service.settle_all(())
        self._admin_port = AdminPort(self.settings.admin_address)
        self._port = await self._peer_port.start(self.settings.peer_listen)
        await self._open_admin_port(self._admin_port)
        self._rounds.start()
        self._retention.start()
        questions = FirstQuestions(log, self._peers.directory, self._peers.delivery, self._sessions.service)
        self._asking = asyncio.create_task(self._begin_work(questions), name="first-questions")

    async def _begin_work(self, questions: FirstQuestions) -> None:
        """Jobs begin when every peer has been asked: a log that was set back must not start sessions."""
        try:
            await questions.ask()
        except Exception:
            log.exception("peers were not asked at start")
        await self._jobs.scheduler.start()

    async def _open_admin_port(self, port: AdminPort) -> None:
        settings, tls = self.settings, None
        if settings.admin_certificate is not None and settings.admin_key is not None:
            tls = Tls(settings.data_dir / settings.admin_certificate, settings.data_dir / settings.admin_key)
        names = names_of(port.address, settings.admin_hosts, "http" if tls is None else "https")
        app = build_api(self.services, names, settings.max_import_mib * _MIB)
        await port.start(app, tls, settings.stop_timeout_seconds)

    async def stop(self) -> None:
        """End everything in order. What was open is aborted and logged; the store is closed last."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._jobs.scheduler.stop()
        await self._rounds.stop()
        await self._retention.stop()
        await self._sessions.running.stop()
        await self._peer_port.stop(self.settings.stop_timeout_seconds)
        if self._admin_port is not None:
            await self._admin_port.stop()
        await asyncio.to_thread(self._sessions.workers.close)
        await self._ground.store.close()


def build(settings: Settings, clock: Clock) -> Node:
    """Put a node together; call it on the event loop that will run it. Its store is locked from here on.

    Raises InvalidConfiguration for keys or a card that do not fit the settings, StoreLocked, StoreError.
    """
    keys = read_keys(settings.keys_dir, settings.lab)
    card = read_card(settings, keys)
    store = Store.open(settings.data_dir, clock)
    try:
        log = NodeLog(store, keys.log, settings.head_path, clock)
        return Node(_Ground(settings, clock, keys, card, store, log))
    except BaseException:
        store.close_now()
        raise


async def serve(settings: Settings, clock: Clock, started: Callable[[Node], None]) -> None:
    """Run a node until SIGTERM or SIGINT, then stop it in order. `started` hears when both ports are open.

    A second signal, once stopping has begun, ends the process at once as it would any other.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    try:
        node = build(settings, clock)
        try:
            await node.start()
            started(node)
            await stopping.wait()
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
            await node.stop()
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
