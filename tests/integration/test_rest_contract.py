"""Whatever is sent to the admin port, it answers as its OpenAPI document says, and never with a server error.

Schemathesis makes requests that fit the document and some that do not, for every operation, and a whole node
answers them. The node has a store, a consortium, a pinned peer that is away, and a short list.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_service.http_api.application import build_api
from tests.two_nodes import LABS, Place, places

load_all_checks()
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
DOCUMENT = build_api(cast(Any, SimpleNamespace(version="0.1.0")), {"127.0.0.1"}, 1 << 20).openapi()
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]
EXAMPLES = 10
OWN_TOKEN = 1


@dataclass
class Served:
    """A node on a loop of its own."""

    url: str
    token: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    ready: Future[Place] = Future()
    done = threading.Event()
    folder = tmp_path_factory.mktemp("contract")
    thread = threading.Thread(target=lambda: asyncio.run(serve(folder, ready, done)))
    thread.start()
    try:
        profile = Profile.load(ready.result(60).data_dir)
        yield Served(profile.url, profile.token.get_secret_value())
    finally:
        done.set()
        thread.join(60)


async def serve(folder: Path, ready: Future[Place], done: threading.Event) -> None:
    try:
        # No command that a request names is ever run.
        a, b = await places(folder, job_commands=False)
        async with a.running():
            async with b.running():
                card = (await b.ask(NodeClient.card))["card"]
            await a.ask(lambda client: client.add_peer(card))
            await a.ask(lambda client: client.create_consortium("abuse sharing"))
            file = folder / "list.csv"
            file.write_text("actor,kind,value\nacct-00017,email,ada@example.org\n")
            await a.ask(lambda client: client.import_file(file))
            ready.set_result(a)
            await asyncio.to_thread(done.wait)
    except BaseException as error:
        if not ready.done():
            ready.set_exception(error)
        raise


def test_the_document_names_operations() -> None:
    assert len(OPERATIONS) > 40
    assert {operation.label for operation in OPERATIONS} >= {"GET /v1/status", "POST /v1/actors/erase"}
    assert LABS[1] in str(DOCUMENT)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_a_documented_one(served: Served, operation: Any, mode: GenerationMode) -> None:
    checks = CHECKS.get_by_names(list(CHECKED))

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        revokes = (case.method, case.path) == ("DELETE", "/v1/tokens/{number}")
        assume(not (revokes and str(case.path_parameters["number"]) == str(OWN_TOKEN)))
        response = case.call(base_url=served.url, headers={"authorization": f"Bearer {served.token}"})
        case.validate_response(response, checks=checks)

    ask()
