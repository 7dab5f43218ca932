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

import structlog

from psi_service.address import Address
from psi_service.clock import Clock
from psi_service.http_api.application import build_api
from psi_service.http_api.guard import names_of
from psi_service.http_api.server import AdminPort, Tls
from psi_service.identity.key_files import read_keys
from psi_service.identity.own_card import read_card
from psi_service.log.mirror import Mirror
from psi_service.log.node_log import NodeLog
from psi_service.node.first_questions import FirstQuestions
from psi_service.node.heap import HEAP
from psi_service.node.rooms import (
    Ground,
    JobRooms,
    PeerRooms,
    SessionRooms,
    TermRooms,
    build_services,
    peer_calls,
    peer_port,
)
from psi_service.recovery.recovering import Recovering
from psi_service.recovery.renewing import Renewing
from psi_service.rounds.mirror_rounds import MirrorRounds
from psi_service.rounds.retention_rounds import RetentionRounds
from psi_service.rounds.url_witness import url_witnesses
from psi_service.rounds.witness_rounds import WitnessRounds
from psi_service.settings import Settings
from psi_service.store.database import Store

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_MIB = 1 << 20


class Node:
    """One lab's node. `build` makes it; `start` it once, then `stop` it, both on one event loop."""

    def __init__(self, ground: Ground) -> None:
        self.settings = ground.settings
        self._ground = ground
        self._peers = PeerRooms(ground)
        terms = TermRooms(ground, self._peers)
        self._sessions = SessionRooms(ground, self._peers, terms)
        self._jobs = JobRooms(ground, self._sessions.service, terms.agreements)
        mirror = Mirror(ground.store, ground.clock)
        calls = peer_calls(ground, self._peers, terms, self._sessions, mirror)
        cards, dial = self._peers.directory.list, self._peers.delivery.client
        self._mirrors = MirrorRounds(mirror, cards, dial)
        self._rounds = WitnessRounds(
            self._sessions.checkpoints,
            cards,
            dial,
            ground.settings.checkpoint_seconds,
            url_witnesses(ground.settings.witness_policy_path, ground.store, ground.log, ground.clock),
        )
        self._peer_port = peer_port(ground, self._peers, self._sessions, calls)
        self.services = build_services(
            ground,
            self._peers,
            terms,
            self._sessions,
            self._jobs,
            calls,
            lambda: self._peer_port.serving,
        )
        self.recovering = Recovering(self._sessions.desk, ground.settings.head_path, cards, dial)
        self.renewing = Renewing(
            ground.settings, ground.keys, self._sessions.desk, self.recovering, self._rounds.ask_all
        )
        self._retention = RetentionRounds(
            self.services.retention, self._sessions.service, ground.settings.retention_seconds
        )
        self._admin_port: AdminPort | None = None
        self._asking: asyncio.Task[None] | None = None
        self._port = 0

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
        self._mirrors.start()
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
        await self._mirrors.stop()
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
        return Node(Ground(settings, clock, keys, card, store, log))
    except BaseException:
        store.close_now()
        raise


async def serve(settings: Settings, clock: Clock, started: Callable[[Node], None]) -> None:
    """Run a node until SIGTERM or SIGINT, then stop it in order. `started` hears when both ports are open.

    A second signal, once stopping has begun, ends the process at once as it would any other.
    """
    HEAP.share()
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
