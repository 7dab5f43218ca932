"""The generated service classes with types: the one place that touches the untyped `*_pb2_grpc` modules."""

from __future__ import annotations

from typing import Any, Protocol, cast

from psi_client.quiet_grpc import grpc
from psi_core.wire import peers_pb2, session_pb2
from psi_core.wire import peers_pb2_grpc as _peers
from psi_core.wire import session_pb2_grpc as _session

_generated_peers: Any = _peers
_generated_sessions: Any = _session


class PeersStub(Protocol):
    """The calls of service Peers, seen from the dialling side."""

    Hello: grpc.aio.UnaryUnaryMultiCallable[peers_pb2.HelloRequest, peers_pb2.HelloReply]
    Deliver: grpc.aio.UnaryUnaryMultiCallable[peers_pb2.DeliverRequest, peers_pb2.DeliverReply]
    Settle: grpc.aio.UnaryUnaryMultiCallable[peers_pb2.SettleRequest, peers_pb2.SettleReply]
    OwnCheckpoints: grpc.aio.UnaryUnaryMultiCallable[
        peers_pb2.OwnCheckpointsRequest, peers_pb2.OwnCheckpointsReply
    ]
    Cosign: grpc.aio.UnaryUnaryMultiCallable[peers_pb2.CosignRequest, peers_pb2.CosignReply]
    ReadLog: grpc.aio.UnaryUnaryMultiCallable[peers_pb2.ReadLogRequest, peers_pb2.ReadLogReply]
    OwnLog: grpc.aio.UnaryUnaryMultiCallable[peers_pb2.OwnLogRequest, peers_pb2.OwnLogReply]


class SessionsStub(Protocol):
    """The calls of service Sessions, seen from the dialling side."""

    Run: grpc.aio.StreamStreamMultiCallable[session_pb2.SessionFrame, session_pb2.SessionFrame]


def peers_stub(channel: grpc.aio.Channel) -> PeersStub:
    """Service Peers over `channel`."""
    return cast(PeersStub, _generated_peers.PeersStub(channel))


def sessions_stub(channel: grpc.aio.Channel) -> SessionsStub:
    """Service Sessions over `channel`."""
    return cast(SessionsStub, _generated_sessions.SessionsStub(channel))


def serve_peers(servicer: object, server: grpc.aio.Server) -> None:
    """Let `servicer` (an async method for each call) answer service Peers."""
    _generated_peers.add_PeersServicer_to_server(servicer, server)


def serve_sessions(servicer: object, server: grpc.aio.Server) -> None:
    """Let `servicer` (an async method Run(request_iterator, context)) answer service Sessions."""
    _generated_sessions.add_SessionsServicer_to_server(servicer, server)
