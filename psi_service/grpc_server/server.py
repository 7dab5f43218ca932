"""The peer port: one gRPC server with mutual TLS, its limits, its start and its stop."""

from __future__ import annotations

from psi_client.channel import (
    KEEPALIVE_MILLISECONDS,
    KEEPALIVE_TIMEOUT_MILLISECONDS,
    MAX_MESSAGE_BYTES,
    Options,
    TlsIdentity,
)
from psi_client.quiet_grpc import grpc
from psi_client.wire_services import serve_peers, serve_sessions
from psi_core.errors import InvalidConfiguration, SessionAborted
from psi_service.grpc_server.credentials import PeerPortCredentials
from psi_service.grpc_server.gate import PeerGate
from psi_service.grpc_server.health import Health
from psi_service.grpc_server.identity import CallerCheck
from psi_service.grpc_server.peers_servicer import PeersServicer
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pins import PinBoard

MAX_CONCURRENT_STREAMS = 64
"""Calls that one connection may have open."""

MAX_CONCURRENT_CALLS = 256
"""Calls that all peers together may have open; each lab's own limit is in psi_service/peers/open_calls.py."""

HANDSHAKE_MILLISECONDS = 10_000
IDLE_MILLISECONDS = 600_000

_OPTIONS: Options = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", MAX_CONCURRENT_STREAMS),
    ("grpc.keepalive_time_ms", KEEPALIVE_MILLISECONDS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MILLISECONDS),
    ("grpc.http2.max_pings_without_data", 0),
    # Peers probe every KEEPALIVE_MILLISECONDS; one that does so twice as often gets GOAWAY too_many_pings.
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MILLISECONDS // 2),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_MILLISECONDS // 2),
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_MILLISECONDS),
    ("grpc.max_connection_idle_ms", IDLE_MILLISECONDS),
    # Two nodes on one port would share its calls between them without a word.
    ("grpc.so_reuseport", 0),
)


class PeerServer:
    """Serves Peers, Sessions and health to pinned peers. One per node; build it on the node's event loop.

    `sessions` has the method Run of service Sessions: `async def Run(request_iterator, context) -> None`.
    `serving` is true while new calls are taken.
    """

    def __init__(
        self,
        own: TlsIdentity,
        pins: PinBoard,
        calls: OpenCalls,
        peers: PeersServicer,
        sessions: object,
    ) -> None:
        self._calls = calls
        self.serving = False
        self._credentials = PeerPortCredentials(own, pins)
        self._health = Health()
        self._server = grpc.aio.server(
            interceptors=(PeerGate(CallerCheck(pins), calls),),
            options=_OPTIONS,
            maximum_concurrent_rpcs=MAX_CONCURRENT_CALLS,
        )
        serve_peers(peers, self._server)
        serve_sessions(sessions, self._server)
        self._health.serve_on(self._server)

    async def start(self, listen: str) -> int:
        """Listen on `listen` (`host:port`, port 0 takes a free one) and return the port.

        Raises InvalidConfiguration when nothing can listen there.
        """
        try:
            port = self._server.add_secure_port(listen, self._credentials.server_credentials())
        except RuntimeError as fault:
            raise InvalidConfiguration(
                f"cannot listen for peers on {listen}: the port is taken, or the address is not this host's. "
                "Set peer_listen to another."
            ) from fault
        await self._server.start()
        self.serving = True
        return port

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, end the open ones with SessionAborted, wait for them at most `grace_seconds`."""
        self.serving = False
        await self._health.stopping()
        self._calls.end_all(SessionAborted("the node is stopping; start the session again later"))
        await self._server.stop(grace_seconds)
