"""The rooms of a node, each built on what it stands on: peers, terms, sessions, jobs, and what the admin port has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

from psi_client.channel import TlsIdentity
from psi_client.worker_pool import WorkerPool
from psi_core.engines.registry import engines
from psi_core.identity.node_keys import NodeKeys
from psi_service.actors.service import ActorService
from psi_service.agreements.service import AgreementService
from psi_service.clock import Clock
from psi_service.consortium.service import ConsortiumService
from psi_service.grpc_server.identity import CallerCheck
from psi_service.grpc_server.incoming_notes import IncomingNotes
from psi_service.grpc_server.peer_calls import PeerCalls
from psi_service.grpc_server.peers_servicer import PeersServicer
from psi_service.grpc_server.server import PeerServer
from psi_service.grpc_server.sessions_servicer import SessionsServicer
from psi_service.http_api.services import Services
from psi_service.identity.own_card import OwnCard
from psi_service.imports.importer import Importer
from psi_service.jobs.alarms import SchedulerAlarms
from psi_service.jobs.runner import JobRunner
from psi_service.jobs.scheduler import JobScheduler
from psi_service.jobs.service import JobService
from psi_service.jobs.sessions import NodeSessions
from psi_service.jobs.telling import tell
from psi_service.log.mirror import Mirror
from psi_service.log.node_log import NodeLog
from psi_service.log.peer_view import PeerView
from psi_service.matches.service import MatchService
from psi_service.metrics.metrics import Metrics
from psi_service.node.heap import HEAP
from psi_service.peers.delivery import Delivery
from psi_service.peers.dialling import Dialler
from psi_service.peers.directory import PeerDirectory
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pins import PinBoard
from psi_service.peers.probe import PeerProbe
from psi_service.retention.service import RetentionService
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.sessions.epoch_keys import EpochKeys
from psi_service.sessions.freezer import Freezer
from psi_service.sessions.generations import Generations
from psi_service.sessions.incoming import IncomingSessions
from psi_service.sessions.progress import Progress, Role
from psi_service.sessions.resumptions import Resumptions
from psi_service.sessions.running import Running
from psi_service.sessions.service import SessionService
from psi_service.sessions.surroundings import Limits, Surroundings
from psi_service.settings import Settings
from psi_service.store.database import Store
from psi_service.tokens import Tokens
from psi_service.version import version
from psi_service.watching.readiness import Readiness
from psi_service.watching.tracing import trace_session


@dataclass(frozen=True)
class Ground:
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


class PeerRooms:
    """The pinned labs and the ways to them."""

    def __init__(self, ground: Ground) -> None:
        self.pins = PinBoard()
        self.calls = OpenCalls()
        self.directory = PeerDirectory(
            ground.settings.lab, ground.store, ground.log, self.pins, self.calls, ground.clock
        )
        self.delivery = Delivery(ground.tls, self.directory, self.calls)


class TermRooms:
    """The consortium and the agreements."""

    def __init__(self, ground: Ground, peers: PeerRooms) -> None:
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


class SessionRooms:
    """Sessions of both roles."""

    def __init__(self, ground: Ground, peers: PeerRooms, terms: TermRooms) -> None:
        settings = ground.settings
        self.workers = WorkerPool(settings.workers)
        self.metrics = Metrics(settings.lab, version(), ground.store, ground.log, ground.clock)
        self.running = Running(settings.max_sessions, self._ended, HEAP.kept)
        keys = ground.keys
        self.desk = Desk(
            settings.lab,
            ground.store,
            ground.log,
            keys.document,
            keys.cosigner,
            ground.clock,
            keys.data_key,
        )
        desk = self.desk
        around = Surroundings(
            card_of=peers.directory.get,
            dial=Dialler(peers.delivery, peers.calls).dial,
            agreement_of=terms.agreements.of_hash,
            consortium_key=terms.consortium.current,
            keys=EpochKeys(desk, ground.keys.data_key, settings.max_bundle_mib << 20),
            engines=engines(),
            worker=self.workers,
            limits=Limits(
                concurrent_sessions=settings.max_sessions,
                idle_seconds=settings.silence_timeout_seconds,
                session_seconds=settings.session_timeout_seconds,
            ),
        )
        self.freezer = Freezer(desk)
        self.service = SessionService(desk, around, self.freezer, self.running)
        self.incoming = IncomingSessions(desk, around, self.freezer, self.running)
        self.checkpoints = Checkpoints(desk)

    def _ended(self, progress: Progress, role: Role) -> None:
        self.metrics.session_ended(progress, role)
        trace_session(progress, role)


class JobRooms:
    """Sessions on a timer."""

    def __init__(self, ground: Ground, sessions: SessionService, agreements: AgreementService) -> None:
        settings, store, clock = ground.settings, ground.store, ground.clock
        runs = NodeSessions(sessions, agreements, settings.lab)
        runner = JobRunner(runs, clock, asyncio.sleep, SystemRandom().random)
        self.scheduler = JobScheduler(store, clock, SchedulerAlarms(), runner, tell)
        self.service = JobService(
            store, ground.log, clock, runs, self.scheduler, commands=settings.job_commands
        )


def peer_calls(
    ground: Ground, peers: PeerRooms, terms: TermRooms, sessions: SessionRooms, mirror: Mirror
) -> PeerCalls:
    """Who answers what a pinned peer asks."""
    return PeerCalls(
        ground.card.card,
        version(),
        terms.consortium,
        IncomingNotes(terms.consortium, terms.agreements),
        sessions.service,
        sessions.checkpoints,
        card_of=peers.directory.get,
        view=PeerView(ground.store, ground.log),
        mirror=mirror,
    )


def peer_port(ground: Ground, peers: PeerRooms, sessions: SessionRooms, calls: PeerCalls) -> PeerServer:
    """The port for peers, not open yet."""
    callers = CallerCheck(peers.pins)
    return PeerServer(
        ground.tls,
        peers.pins,
        peers.calls,
        PeersServicer(callers, calls.handlers, ground.clock),
        SessionsServicer(callers, sessions.incoming),
    )


def build_services(
    ground: Ground,
    peers: PeerRooms,
    terms: TermRooms,
    sessions: SessionRooms,
    jobs: JobRooms,
    calls: PeerCalls,
    serving: Callable[[], bool],
) -> Services:
    """What the admin port hands out. `serving` says whether the peer port is open."""
    return Services(
        card=ground.card,
        version=version(),
        clock=ground.clock,
        store=ground.store,
        log=ground.log,
        tokens=Tokens(ground.store, ground.log, ground.clock),
        importer=_importer(ground, terms),
        actors=ActorService(ground.store, ground.keys.data_key),
        retention=_retention(ground, terms, sessions),
        peers=peers.directory,
        probe=PeerProbe(ground.tls, peers.directory, peers.delivery, calls.facts, ground.clock),
        consortium=terms.consortium,
        agreements=terms.agreements,
        sessions=sessions.service,
        jobs=jobs.service,
        matches=_matches(ground, terms),
        readiness=Readiness(ground.store, ground.log, ground.clock, serving),
        metrics=sessions.metrics,
        open_metrics=ground.settings.open_metrics,
    )


def _importer(ground: Ground, terms: TermRooms) -> Importer:
    return Importer(
        ground.store,
        ground.log,
        ground.clock,
        data_key=ground.keys.data_key,
        current_key=terms.current_key,
        processes=ground.settings.workers,
    )


def _retention(ground: Ground, terms: TermRooms, sessions: SessionRooms) -> RetentionService:
    return RetentionService(
        ground.store,
        ground.log,
        ground.clock,
        data_key=ground.keys.data_key,
        current_key=terms.current_key,
        caches=(
            Generations(ground.store, ground.keys.data_key),
            Resumptions(ground.store, ground.keys.data_key),
        ),
        standing_still=sessions.freezer.stillness.broken,
    )


def _matches(ground: Ground, terms: TermRooms) -> MatchService:
    return MatchService(
        ground.store,
        ground.log,
        ground.clock,
        data_key=ground.keys.data_key,
        current_key=terms.current_key,
    )
