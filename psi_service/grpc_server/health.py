"""The standard health service (grpc.health.v1) on the peer port, for pinned peers like everything there.

Import psi_client.quiet_grpc before this: grpc_health loads gRPC by itself.
"""

from __future__ import annotations

from typing import Any

from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio

from psi_client.quiet_grpc import grpc

_generated: Any = health_pb2_grpc


class Health:
    """SERVING from the start; NOT_SERVING for good once the node is stopping."""

    def __init__(self) -> None:
        self._servicer: Any = aio.HealthServicer()

    def serve_on(self, server: grpc.aio.Server) -> None:
        """Answer grpc.health.v1.Health on `server`."""
        _generated.add_HealthServicer_to_server(self._servicer, server)

    async def stopping(self) -> None:
        """Tell whoever asks or watches that no new session is taken."""
        await self._servicer.enter_graceful_shutdown()
