"""Commands run in this process, against a node that gives canned answers, or against real ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from typer import testing
from typer.testing import CliRunner, Result

from psi_client.cli.main import app as psi_app
from psi_core.errors import PsiError
from psi_service.cli.main import app as psi_node_app
from psi_service.http_api import problems

# Typer reads every signature anew for each run; once a process is enough, and a good deal quicker.
testing._get_command = cache(testing._get_command)

TOKEN = "psi_a-token-that-no-screen-may-ever-show"


def run_psi(*words: str | Path, answer: str | None = None, **variables: str | None) -> Result:
    """`psi WORDS`, with `answer` on standard input; no variable of this machine's own node is seen."""
    env = {"PSI_PROFILE": None, "PSI_DATA_DIR": None, **variables}
    return CliRunner().invoke(psi_app, [*map(str, words)], input=answer, env=env, prog_name="psi")


def run_psi_node(*words: str | Path, answer: str | None = None, **variables: str | None) -> Result:
    """`psi-node WORDS`, likewise."""
    env = {"PSI_PROFILE": None, "PSI_DATA_DIR": None, **variables}
    return CliRunner().invoke(psi_node_app, [*map(str, words)], input=answer, env=env, prog_name="psi-node")


@dataclass
class Request:
    """What a command asked."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeNode:
    """An admin port with canned answers: `METHOD /path` to an object, an error, or a list of both in turn."""

    profile: Path
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> tuple[int, str, bytes]:
        self.requests.append(request)
        given = self.answers[f"{request.method} {request.path}"]
        if isinstance(given, Turns):
            given = given.pop(0)
        if isinstance(given, PsiError):
            told = problems.answer(given)
            return told.status_code, problems.MEDIA_TYPE, bytes(told.body)
        if isinstance(given, str):
            return 200, "text/plain", given.encode()
        return 200, "application/json", json.dumps(given).encode()

    def asked(self, place: str) -> list[Request]:
        """The requests of this method and path."""
        return [each for each in self.requests if f"{each.method} {each.path}" == place]


class Turns(list[Any]):
    """Answers to give one after the other."""


def body_of(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("transfer-encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length", 0)))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def lines(text: str) -> Sequence[str]:
    """Lines without the blanks that fill a table's columns."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]
