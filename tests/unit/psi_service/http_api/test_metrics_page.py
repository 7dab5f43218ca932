"""`/metrics`: whose it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from psi_service.http_api.application import build_api
from psi_service.tokens import Role


def test_operators_and_auditors_read_it_and_nobody_else(api: Any) -> None:
    found = {role: api.client(role).get("/metrics") for role in (*Role, None)}
    assert {role: response.status_code for role, response in found.items()} == {
        Role.OPERATOR: 200,
        Role.AUDITOR: 200,
        Role.ANALYST: 403,
        None: 401,
    }
    page = found[Role.OPERATOR]
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "\npsi_log_entries 3.0\n" in page.text


@pytest.mark.parametrize(
    ("opened", "host", "status"),
    [
        (True, "127.0.0.1", 200),
        (True, "::1", 200),
        (True, "192.0.2.7", 401),
        (True, "testclient", 401),
        (False, "127.0.0.1", 401),
    ],
)
def test_without_a_token_from_this_machine_when_the_settings_say_so(
    api: Any, opened: bool, host: str, status: int
) -> None:
    app = build_api(replace(api.services, open_metrics=opened), {"127.0.0.1:7480"}, 1 << 20)
    client = TestClient(app, base_url="http://127.0.0.1:7480", client=(host, 50_000))
    assert client.get("/metrics").status_code == status
    assert client.get("/metrics", headers={"origin": "http://evil.example"}).status_code == 403
