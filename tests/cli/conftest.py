"""Fixtures of the commands' tests: a node with canned answers, and a silent journal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from pydantic import SecretStr

from psi_client.profile import Profile
from tests.commands import TOKEN, FakeNode, Request, body_of


@pytest.fixture(autouse=True)
def _silent_journal(_own_journal: None) -> None:
    """Until a command opens it, the journal writes nothing into what the tests read."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[FakeNode]:
    """A node at a profile; its answers are the test's to fill in."""
    fake = FakeNode(tmp_path / "profile.json")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            request = Request(self.command, parts.path, parse_qs(parts.query), body_of(self))
            status, media, content = fake.answer(request)
            self.send_response(status)
            self.send_header("content-type", media)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing: tests look at `requests`."""

    for method in ("GET", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        Profile(url=url, token=SecretStr(TOKEN)).save(fake.profile)
        yield fake
        server.shutdown()
