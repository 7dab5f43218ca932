"""The admin port: uvicorn as one task among others on the node's loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from psi_core.errors import InvalidConfiguration
from psi_service.address import Address

MAX_CONNECTIONS = 256
KEEP_ALIVE_SECONDS = 30
_HEADER_BYTES = 16 * 1024


class Tls(NamedTuple):
    """PEM files of the admin port's certificate chain and its key."""

    certificate: Path
    key: Path


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handling.

    It takes SIGTERM and SIGINT for itself and raises them again once it has ended, which would kill the node
    before sessions and store are closed. Signals are app.py's.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class AdminPort:
    """A listening socket first, so that its port is known; then the application on it."""

    def __init__(self, listen: Address) -> None:
        """Listen. Raises InvalidConfiguration when the address cannot be had."""
        try:
            self._socket = socket.create_server(
                (listen.host, listen.port), family=socket.AF_INET6 if ":" in listen.host else socket.AF_INET
            )
        except OSError as error:
            raise InvalidConfiguration(
                f"cannot listen for commands on {listen} ({error.strerror}); set admin_listen to another"
            ) from None
        self.address = Address(listen.host, self._socket.getsockname()[1])
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, app: ASGIApp, tls: Tls | None, stop_seconds: int) -> None:
        """Answer requests with `app`; a stop waits at most `stop_seconds` for those that are open.

        Raises InvalidConfiguration when the TLS files cannot be used.
        """
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,  # paths and queries may name labs and files
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=stop_seconds,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            ssl_certfile=tls and tls.certificate,
            ssl_keyfile=tls and tls.key,
        )
        try:
            config.load()
        except OSError as error:
            self._socket.close()
            raise InvalidConfiguration(
                f"admin_certificate and admin_key cannot be used ({error.strerror or type(error).__name__})"
            ) from None
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="admin-port")
        await self._server.listening.wait()

    async def stop(self) -> None:
        """Take no more requests, let the open ones end, close. Harmless before `start` and when repeated."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self._socket.close()
