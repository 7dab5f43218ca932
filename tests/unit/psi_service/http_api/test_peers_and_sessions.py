"""Rooms `peers` (over the real directory) and `sessions` (over a stand-in that dials nobody)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from psi_core.errors import NotFound, Refused
from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from psi_service.peers.probe import ProbeResult
from psi_service.sessions.views import SessionView
from psi_service.tokens import Role

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SESSION = "8f0c3d5ee1f94c52a0f2a4f1b6d3c7e9"


def card_of(lab: str) -> str:
    return NodeKeys.generate(lab, NOW).card(lab, f"psi.{lab}:7443", NOW).decode()


def test_our_own_card_can_be_handed_out(api: Any) -> None:
    found = api.client(Role.ANALYST).get("/v1/card").json()
    card = Card.read(found["card"].encode())
    assert card == api.services.card.card
    assert found["fingerprint"] == card.fingerprint_words()
    assert found["address"] == "psi.lab-a.example:7443"


def test_a_peer_is_added_shown_and_removed(api: Any) -> None:
    client = api.client()
    card = card_of("lab-b.example")
    added = client.post("/v1/peers", json={"card": card})
    assert added.status_code == 201
    assert added.json() == {
        "lab": "lab-b.example",
        "address": "psi.lab-b.example:7443",
        "fingerprint": Card.read(card.encode()).fingerprint_words(),
    }
    assert client.get("/v1/peers").json() == [added.json()]
    assert client.get("/v1/peers/lab-b.example").json() == added.json()
    assert client.post("/v1/peers", json={"card": card_of("lab-b.example")}).status_code == 409
    assert client.delete("/v1/peers/lab-b.example").status_code == 204
    for response in (client.get("/v1/peers/lab-b.example"), client.delete("/v1/peers/lab-b.example")):
        assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda card: card.replace("7443", "7444"), "invalid-signature"),
        (lambda card: "no note", "invalid-note"),
        (lambda card: card.replace("psi-card/v1", "psi-offer/v1"), "invalid-text"),
        (lambda card: "x" * 65_537, "invalid-input"),
    ],
)
def test_a_card_that_does_not_verify_is_refused_by_name(api: Any, change: Any, code: str) -> None:
    response = api.client().post("/v1/peers", json={"card": change(card_of("lab-b.example"))})
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert api.client().get("/v1/peers").json() == []


@pytest.mark.parametrize("lab", ["LAB-B.example", "lab_b.example", "x", "a" * 254])
def test_a_name_that_no_lab_has(api: Any, lab: str) -> None:
    assert api.client().get(f"/v1/peers/{lab}").status_code == 422


class Probe:
    async def test(self, lab: str) -> ProbeResult:
        if lab != "lab-b.example":
            raise NotFound(f"no peer {lab} is pinned")
        return ProbeResult(
            lab=lab, fault="clock", words="The two clocks are apart.", mend="Let both keep time."
        )


def test_a_fault_of_the_peer_is_an_answer(api: Any) -> None:
    client = api.client(probe=Probe())
    assert client.post("/v1/peers/lab-b.example/test").json()["fault"] == "clock"
    assert client.post("/v1/peers/lab-c.example/test").status_code == 404


def view(**changes: Any) -> SessionView:
    values = {
        "session_id": SESSION,
        "agreement": "7f" * 32,
        "peer": "lab-b.example",
        "role": "initiator",
        "state": "open",
        "direction": "both",
        "reveal": "items",
        "period": 0,
        "counter": 1,
        "started": "2026-11-24T09:30:00Z",
        "finished": None,
        "reason": None,
        "late": False,
        "lanes": (),
    }
    return SessionView.model_validate({**values, **changes})


class Sessions:
    """Remembers how it was called; a session that is waited for ends when `over` is set."""

    def __init__(self, refusal: Refused | None = None) -> None:
        self.calls: list[Any] = []
        self.refusal = refusal
        self.over = False

    async def start(self, lab: str, **wishes: Any) -> str:
        self.calls.append((lab, wishes))
        if self.refusal:
            raise self.refusal
        return SESSION

    async def list(self, peer: str | None = None, limit: int = 50) -> list[SessionView]:
        self.calls.append((peer, limit))
        return [view()]

    async def get(self, session_id: str) -> SessionView:
        return view(state="complete" if self.over else "open")

    async def wait(self, session_id: str) -> SessionView:
        while not self.over:  # noqa: ASYNC110 -- a stand-in's patience
            await asyncio.sleep(0.01)
        return view(state="complete")
