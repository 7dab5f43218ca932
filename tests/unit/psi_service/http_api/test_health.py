"""`/health`: open to whoever reaches the port, and it says one word."""

from __future__ import annotations

from typing import Any

from psi_service.watching.readiness import Readiness


def test_live_and_ready_need_no_token(api: Any) -> None:
    client = api.client(None)
    for page, said in (("live", "live"), ("ready", "ready")):
        response = client.get(f"/health/{page}")
        assert (response.status_code, response.json()) == (200, {"status": said})


def test_a_node_that_refuses_is_live_and_not_ready_and_does_not_say_why(api: Any) -> None:
    api.services.log.refusal = "the log was set back: put the newest database back"
    client = api.client(None)
    assert client.get("/health/live").status_code == 200
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (503, {"status": "not ready"})


def test_a_node_whose_peer_port_is_closed_is_not_ready(api: Any) -> None:
    services = api.services
    closed = Readiness(services.store, services.log, services.clock, lambda: False)
    assert api.client(None, readiness=closed).get("/health/ready").status_code == 503


def test_the_guard_stands_before_it(api: Any) -> None:
    client = api.client(None)
    assert client.get("/health/live", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/health/ready", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/health/live").status_code == 405
