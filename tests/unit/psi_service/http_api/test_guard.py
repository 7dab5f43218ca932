"""Host, Origin and size, checked before any route."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient
from starlette.types import Message

from psi_service.address import Address
from psi_service.http_api import problems
from psi_service.http_api.guard import MAX_BODY, Guard, names_of

LISTEN = Address("127.0.0.1", 7480)


def application() -> FastAPI:
    app = FastAPI()
    problems.install(app)
    names = names_of(LISTEN, ["console.lab-a.example"], "http")
    app.add_middleware(Guard, names=names, large={"/stream": 2 * MAX_BODY})

    @app.get("/")
    async def _root() -> str:
        return "in"

    @app.post("/body")
    async def _body(request: Request) -> int:
        return len(await request.body())

    @app.post("/stream")
    async def _stream(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.post("/json")
    async def _json(value: dict[str, Any]) -> int:
        return len(value)

    return app


@pytest.fixture
def client() -> TestClient:
    return TestClient(application(), base_url="http://127.0.0.1:7480")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7480", "localhost:7480", "LOCALHOST:7480", "[::1]:7480", "console.lab-a.example:7480"]
)
def test_the_nodes_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7480",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:7480.evil.example",
        "localhost.evil.example:7480",
        "console.lab-a.example",
        "",
    ],
)
def test_any_other_name_is_refused(client: TestClient, host: str) -> None:
    response = client.get("/", headers={"host": host})
    assert response.status_code == 403
    assert response.json()["code"] == "access-denied"
    assert response.headers["content-type"] == "application/problem+json"


async def test_no_host_and_two_hosts_are_refused() -> None:
    own = (b"host", b"127.0.0.1:7480")
    for headers in ([], [own, own], [own, (b"host", b"evil.example")]):
        assert await _status(headers) == 403
    assert await _status([own]) == 200


async def _status(headers: list[tuple[bytes, bytes]]) -> int:
    """Call the application as a server would, with headers that no client library would send."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
    }
    scope |= {"scheme": "http", "headers": headers, "http_version": "1.1", "client": None, "server": None}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    await application()(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize("origin", ["http://127.0.0.1:7480", "http://localhost:7480"])
def test_its_own_pages_may_call(client: TestClient, origin: str) -> None:
    assert client.get("/", headers={"origin": origin}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://127.0.0.1:7480",
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
        "",
    ],
)
def test_a_page_of_another_site_may_not(client: TestClient, origin: str) -> None:
    response = client.get("/", headers={"origin": origin})
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


def test_no_cors_and_no_cookie(client: TestClient) -> None:
    asking = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = client.options("/body", headers=asking)
    assert response.status_code == 403
    answers = [response, client.get("/"), client.get("/", headers={"origin": "http://127.0.0.1:7480"})]
    for headers in (answer.headers for answer in answers):
        assert not [name for name in headers if name.startswith("access-control") or name == "set-cookie"]


def test_no_answer_is_kept_on_the_way(client: TestClient) -> None:
    for response in (client.get("/"), client.get("/nowhere"), client.post("/body")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/body", "/json"])
def test_a_body_above_the_limit_is_refused(client: TestClient, path: str) -> None:
    headers = {"content-type": "application/json"}
    response = client.post(path, content=b"{" + b" " * MAX_BODY, headers=headers)
    assert response.status_code == 413
    assert response.json()["code"] == "invalid-input"
    assert f"{MAX_BODY:,} bytes" in response.json()["detail"]


def test_a_body_that_announces_no_length_is_counted(client: TestClient) -> None:
    pieces = (b"x" * 65_536 for _ in range(5))
    assert client.post("/body", content=pieces).status_code == 413


def test_the_limit_itself_is_allowed(client: TestClient) -> None:
    assert client.post("/body", content=b"x" * MAX_BODY).json() == MAX_BODY


def test_a_stream_has_its_own_limit(client: TestClient) -> None:
    assert client.post("/stream", content=b"x" * (2 * MAX_BODY)).json() == 2 * MAX_BODY
    assert client.post("/stream", content=b"x" * (2 * MAX_BODY + 1)).status_code == 413


@pytest.mark.parametrize(
    ("listen", "further", "scheme", "names"),
    [
        (Address("::1", 80), [], "http", {"[::1]", "[::1]:80", "localhost", "127.0.0.1:80"}),
        (Address("0.0.0.0", 443), ["a.example"], "https", {"a.example", "a.example:443", "127.0.0.1:443"}),  # noqa: S104
        (Address("a.example", 8443), ["b.example:1", "[2001:db8::1]"], "https",
         {"a.example:8443", "b.example:1", "[2001:db8::1]:8443"}),
    ],
)  # fmt: skip
def test_names(listen: Address, further: list[str], scheme: str, names: set[str]) -> None:
    assert names <= names_of(listen, further, scheme)


def test_a_node_that_is_not_on_loopback_is_not_called_localhost() -> None:
    assert names_of(Address("a.example", 8443), [], "https") == {"a.example:8443"}
