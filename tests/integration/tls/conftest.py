"""Real nodes' peer ports on loopback: own keys, store, log, directory, and a Sessions servicer that echoes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from psi_client.channel import PeerEndpoint, TlsIdentity
from psi_client.hello import NodeFacts
from psi_client.initiator_stream import InitiatorStream
from psi_client.peer_client import PeerClient
from psi_core.errors import ProtocolFault, PsiError
from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from psi_core.wire.peers_pb2 import SettleReply, SettleRequest
from psi_core.wire.session_pb2 import Checkpoint, SessionFrame
from psi_service.grpc_server.identity import CallerCheck
from psi_service.grpc_server.peers_servicer import PeerHandlers, PeersServicer
from psi_service.grpc_server.responder_stream import ResponderStream, answer
from psi_service.grpc_server.server import PeerServer
from psi_service.log.mirror import Mirror
from psi_service.log.node_log import NodeLog
from psi_service.log.peer_view import PeerView
from psi_service.peers.delivery import Delivery
from psi_service.peers.directory import PeerDirectory
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pins import PinBoard
from psi_service.peers.probe import PeerProbe
from psi_service.sessions.books import Desk
from psi_service.sessions.checkpoints import Checkpoints
from psi_service.store.database import Store


@dataclass
class MovableClock:
    """The real time, moved by `offset`."""

    offset: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


class EchoSessions:
    """Sends every frame back; remembers how each stream ended, which is where a session would log its abort."""

    def __init__(self) -> None:
        self.ended: asyncio.Queue[PsiError] = asyncio.Queue()
        self.open = 0

    async def Run(self, requests: Any, context: Any) -> None:  # noqa: N802
        await answer(context, self._echo)

    async def _echo(self, stream: ResponderStream) -> None:
        self.open += 1
        try:
            while True:
                await stream.send(await stream.receive())
        except PsiError as error:
            # A session logs here, over several steps of the loop: it must not be cancelled between them.
            await asyncio.sleep(0.01)
            self.ended.put_nowait(error)
            if isinstance(error, ProtocolFault):
                raise
        finally:
            self.open -= 1


async def nothing() -> None:
    """What a node does before it answers, unless a test puts a fault there."""


@dataclass
class Node:
    """One lab's node, as far as the peer port needs it."""

    lab: str
    keys: NodeKeys
    own: TlsIdentity
    clock: MovableClock
    store: Store
    log: NodeLog
    pins: PinBoard
    calls: OpenCalls
    directory: PeerDirectory
    delivery: Delivery
    server: PeerServer
    sessions: EchoSessions
    facts: NodeFacts
    delivered: list[tuple[str, bytes]] = field(default_factory=list)
    settle: Callable[[str, SettleRequest], SettleReply] = lambda lab, request: SettleReply(unknown=True)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] = nothing
    state: str = "waiting"
    port: int = 0
    note: bytes = b""

    @property
    def card(self) -> Card:
        return Card.read(self.note)

    @property
    def endpoint(self) -> PeerEndpoint:
        return PeerEndpoint.of(self.card)

    def client(self, other: Node) -> PeerClient:
        """A client of this node towards `other`, whether or not it is pinned here."""
        return PeerClient(self.own, other.endpoint)

    @asynccontextmanager
    async def stream(self, other: Node) -> AsyncIterator[InitiatorStream]:
        """A session's stream to `other`, entered as open like those of the session service."""
        async with self.delivery.client(other.lab) as client:
            stream = client.run()
            with self.calls.entered(other.lab, stream.cut):
                try:
                    yield stream
                finally:
                    await stream.close()

    @property
    def witness(self) -> Checkpoints:
        keys = self.keys
        return Checkpoints(
            Desk(self.lab, self.store, self.log, keys.document, keys.cosigner, self.clock, keys.data_key)
        )

    def probe(self) -> PeerProbe:
        async def facts() -> NodeFacts:
            return self.facts

        return PeerProbe(self.own, self.directory, self.delivery, facts, self.clock)

    def hello(self) -> Any:
        return self.facts.request(self.clock())


NewNode = Callable[..., Any]


@asynccontextmanager
async def running_node(folder: Path, lab: str, *, issued: timedelta = timedelta()) -> AsyncIterator[Node]:
    """A listening node; its certificate was issued `issued` before now."""
    clock = MovableClock()
    keys = NodeKeys.generate(lab, clock() - issued)
    own = TlsIdentity(lab, keys.tls_certificate_pem, keys.tls_key_pem)
    store = Store.open(folder / lab, clock)
    log = NodeLog(store, keys.log, folder / lab / "head", clock)
    await log.verify_at_start()
    pins, calls, sessions = PinBoard(), OpenCalls(most_per_lab=8), EchoSessions()
    directory = PeerDirectory(lab, store, log, pins, calls, clock)
    await directory.load()
    delivery = Delivery(own, directory, calls)
    facts = NodeFacts(lab, ("psi/1",), "v1", "00112233445566ff", bytes(32), "0.1.0")

    async def hello() -> NodeFacts:
        await node.before()
        return node.facts

    async def deliver(caller: str, note: bytes) -> str:
        await node.before()
        node.delivered.append((caller, note))
        return node.state

    async def settle(caller: str, request: SettleRequest) -> SettleReply:
        return node.settle(caller, request)

    async def own_checkpoints(caller: str) -> Sequence[Checkpoint]:
        return node.checkpoints

    async def cosign(caller: str, checkpoint: Checkpoint) -> Checkpoint:
        return await node.witness.witness(node.directory.get(caller), checkpoint, log_it=False)

    handlers = PeerHandlers(
        hello=hello,
        deliver=deliver,
        settle=settle,
        own_checkpoints=own_checkpoints,
        cosign=cosign,
        read_log=PeerView(store, log).read,
        own_log=Mirror(store, clock).read,
    )
    server = PeerServer(own, pins, calls, PeersServicer(CallerCheck(pins), handlers, clock), sessions)
    node = Node(lab, keys, own, clock, store, log, pins, calls, directory, delivery, server, sessions, facts)
    try:
        node.port = await server.start("127.0.0.1:0")
        node.note = keys.card(lab, f"127.0.0.1:{node.port}", clock())
        node.facts = NodeFacts(lab, ("psi/1",), "v1", "00112233445566ff", node.card.fingerprint(), "0.1.0")
        yield node
    finally:
        await server.stop(5)
        await store.close()


@pytest.fixture
async def new_node(tmp_path: Path) -> AsyncIterator[NewNode]:
    """Makes listening nodes, and ends them after the test."""
    async with AsyncExitStack() as nodes:

        async def make(lab: str, **how: Any) -> Node:
            return await nodes.enter_async_context(running_node(tmp_path, lab, **how))

        yield make


@pytest.fixture
async def pair(new_node: NewNode) -> tuple[Node, Node]:
    """lab-a and lab-b, each pinned by the other."""
    a, b = await new_node("lab-a.example"), await new_node("lab-b.example")
    await a.directory.add(b.note)
    await b.directory.add(a.note)
    return a, b


@pytest.fixture
def frame() -> Callable[[bytes], SessionFrame]:
    """Builds a frame that holds some bytes."""
    return lambda payload: SessionFrame(offer=payload)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits, at most five seconds, until a condition holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0.01)
        pytest.fail("waited in vain")

    return wait
