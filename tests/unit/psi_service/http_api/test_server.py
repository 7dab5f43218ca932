"""The admin port: a task that can be started and stopped, and that leaves signals alone."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from psi_core.errors import InvalidConfiguration
from psi_core.identity.certificate import issue
from psi_service.address import Address
from psi_service.http_api.guard import Guard, names_of
from psi_service.http_api.server import AdminPort, Tls

LOOPBACK = Address("127.0.0.1", 0)


class Pages:
    """One page that answers at once and one that waits until it is told."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.go = asyncio.Event()
        self.app = Starlette(routes=[Route("/", self.now), Route("/slow", self.slow)])

    async def now(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    async def slow(self, _: Request) -> PlainTextResponse:
        self.waiting.set()
        await self.go.wait()
        return PlainTextResponse("done")


@asynccontextmanager
async def serving(pages: Pages, tls: Tls | None = None, stop_seconds: int = 5) -> AsyncIterator[AdminPort]:
    port = AdminPort(LOOPBACK)
    names = names_of(port.address, (), "https" if tls else "http")
    await port.start(Guard(pages.app, names, {}), tls, stop_seconds)
    try:
        yield port
    finally:
        await port.stop()


async def test_it_answers_until_it_is_stopped_and_never_touches_signals() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    async with serving(Pages()) as port, httpx2.AsyncClient(trust_env=False) as client:
        assert port.address.port > 0
        response = await client.get(f"http://{port.address}/")
        assert response.text == "here"
        assert "server" not in response.headers
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://{port.address}/")


async def test_a_stop_lets_open_requests_end() -> None:
    pages = Pages()
    async with httpx2.AsyncClient(trust_env=False) as client:
        async with serving(pages) as port:
            asking = asyncio.create_task(client.get(f"http://{port.address}/slow"))
            await pages.waiting.wait()
            asyncio.get_running_loop().call_later(0.3, pages.go.set)
        assert (await asking).text == "done"


async def test_a_stop_ends_what_does_not_end() -> None:
    pages = Pages()
    async with httpx2.AsyncClient(trust_env=False) as client:
        async with serving(pages, stop_seconds=1) as port:
            asking = asyncio.create_task(client.get(f"http://{port.address}/slow"))
            await pages.waiting.wait()
        answer = await asking
        assert (answer.status_code, answer.json()["detail"]) == (503, "the node is stopping; ask again later")


async def test_tls(tmp_path: Path) -> None:
    key, certificate = issue("node.lab-a.example", datetime.now(UTC))
    tls = Tls(tmp_path / "certificate.pem", tmp_path / "key.pem")
    tls.certificate.write_bytes(certificate)
    tls.key.write_bytes(key)
    context = ssl.create_default_context(cadata=certificate.decode())
    context.check_hostname = False
    async with serving(Pages(), tls) as port, httpx2.AsyncClient(verify=context, trust_env=False) as client:
        assert (await client.get(f"https://{port.address}/")).text == "here"


async def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with pytest.raises(InvalidConfiguration, match="admin_certificate and admin_key cannot be used"):
        async with serving(Pages(), tls):
            pass
    tls.certificate.write_text("no certificate")
    tls.key.write_text("no key")
    with pytest.raises(InvalidConfiguration, match="admin_certificate and admin_key cannot be used"):
        async with serving(Pages(), tls):
            pass


async def test_a_taken_port_is_named() -> None:
    first = AdminPort(LOOPBACK)
    with pytest.raises(InvalidConfiguration, match=f"{first.address} .*set admin_listen"):
        AdminPort(first.address)
    await first.stop()


async def test_an_ipv6_address() -> None:
    port = AdminPort(Address("::1", 0))
    assert str(port.address).startswith("[::1]:")
    await port.stop()
    await port.stop()
