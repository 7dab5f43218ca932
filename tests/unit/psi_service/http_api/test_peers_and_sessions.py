"""Rooms `peers` (over the real directory) and `sessions` (over a stand-in that dials nobody)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from psi_core.agreement.agreement import Agreement, EngineTerms, MatchKeyTerms
from psi_core.errors import Conflict, NotFound, Refused
from psi_core.identity.card import Card, in_fours
from psi_core.identity.node_keys import NodeKeys
from psi_service.peers.probe import ProbeResult
from psi_service.sessions.progress import Phase, Progress
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
        "certificate": in_fours(Card.read(card.encode()).pin),
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

    def phase(self, session_id: str) -> Progress:
        progress = Progress(session_id)
        progress.enter(Phase.OPENING)
        return progress

    async def give_up(self, session_id: str) -> SessionView:
        if not self.over:
            raise Conflict(f"session {session_id[:8]} is not suspended: it is open")
        return view(state="aborted")

    async def get(self, session_id: str) -> SessionView:
        return view(state="complete" if self.over else "open")

    async def wait(self, session_id: str) -> SessionView:
        while not self.over:  # noqa: ASYNC110 -- a stand-in's patience
            await asyncio.sleep(0.01)
        return view(state="complete")


class Agreements:
    """Knows one agreement with lab-b.example; `learns` says who may learn."""

    def __init__(self, *learns: str) -> None:
        self.learns = learns
        self.asked: list[Any] = []

    async def in_force(self, lab: str, prefix: str | None = None) -> Agreement:
        self.asked.append((lab, prefix))
        return Agreement(
            title="abuse sharing",
            labs=("lab-a.example", "lab-b.example"),
            match_keys=(MatchKeyTerms(match_key="email", max_size=5000, evaluations_per_period=50_000),),
            learns=self.learns,
            reveal=("items",),
            engines=(EngineTerms(engine="openmined", variant="semi-honest"),),
            valid_from="2026-11-24T00:00:00Z",
            valid_until="2027-11-24T00:00:00Z",
            period_start="2026-11-24T00:00:00Z",
            period_seconds=86_400,
            minimum_interval_seconds=60,
            padding_bucket=1024,
            late_abort_limit=3,
            profile="v1",
            consortium_key_id="3b9f0c2a77d1e845",
            created="2026-11-24T09:30:00Z",
            nonce="00112233445566778899aabbccddeeff",
        )


@pytest.mark.parametrize(
    ("learns", "direction"),
    [
        (("lab-a.example", "lab-b.example"), "both"),
        (("lab-a.example",), "initiator"),
        (("lab-b.example",), "responder"),
    ],
)
def test_a_session_starts_with_the_widest_direction_agreed(api: Any, learns: Any, direction: str) -> None:
    sessions, agreements = Sessions(), Agreements(*learns)
    client = api.client(Role.ANALYST, sessions=sessions, agreements=agreements)
    started = client.post("/v1/sessions", json={"lab": "lab-b.example"})
    assert (started.status_code, started.json()) == (202, {"session_id": SESSION})
    ((lab, wishes),) = sessions.calls
    assert lab == "lab-b.example"
    assert wishes == {
        "agreement": asyncio.run(agreements.in_force("", None)).hash().hex(),
        "direction": direction,
        "reveal": "items",
        "match_keys": None,
        "engine": "auto",
    }
    assert agreements.asked[0] == ("lab-b.example", None)


def test_wishes_reach_the_session(api: Any) -> None:
    sessions, agreements = Sessions(), Agreements("lab-a.example", "lab-b.example")
    client = api.client(sessions=sessions, agreements=agreements)
    wish = {"lab": "lab-b.example", "agreement": "7f3a", "direction": "initiator", "reveal": "count"}
    assert client.post("/v1/sessions", json={**wish, "match_keys": ["email"]}).status_code == 202
    assert agreements.asked == [("lab-b.example", "7f3a")]
    ((_, wishes),) = sessions.calls
    assert (wishes["direction"], wishes["reveal"], wishes["match_keys"]) == ("initiator", "count", ["email"])


@pytest.mark.parametrize(
    "wrong", [{"direction": "all"}, {"reveal": "x"}, {"match_keys": []}, {"engine": "magic"}]
)
def test_wishes_that_mean_nothing_start_nothing(api: Any, wrong: dict[str, Any]) -> None:
    sessions = Sessions()
    client = api.client(sessions=sessions, agreements=Agreements("lab-a.example"))
    assert client.post("/v1/sessions", json={"lab": "lab-b.example", **wrong}).status_code == 422
    assert sessions.calls == []


def test_a_refusal_is_told_with_its_rule(api: Any) -> None:
    words = "email: 40,000 evaluations asked, 12,500 left"
    sessions = Sessions(Refused("evaluations_per_period", words, by="lab-b.example"))
    client = api.client(sessions=sessions, agreements=Agreements("lab-a.example"))
    response = client.post("/v1/sessions", json={"lab": "lab-b.example"})
    assert response.status_code == 409
    body = response.json()
    assert (body["code"], body["rule"], body["by"]) == ("refused", "evaluations_per_period", "lab-b.example")
    assert body["detail"] == f"refused by lab-b.example: {words}"


def test_sessions_are_listed_and_shown(api: Any) -> None:
    sessions = Sessions()
    client = api.client(Role.ANALYST, sessions=sessions)
    assert client.get("/v1/sessions?peer=lab-b.example&limit=5").json()[0]["session_id"] == SESSION
    assert sessions.calls == [("lab-b.example", 5)]
    assert client.get(f"/v1/sessions/{SESSION}").json()["state"] == "open"
    assert client.get("/v1/sessions/xyz").status_code == 422
    assert client.get("/v1/sessions?limit=501").status_code == 422


def test_a_suspended_session_is_given_up_and_no_other(api: Any) -> None:
    sessions = Sessions()
    client = api.client(Role.ANALYST, sessions=sessions)
    refused = client.post(f"/v1/sessions/{SESSION}/give-up")
    assert (refused.status_code, "is not suspended" in refused.json()["detail"]) == (409, True)
    sessions.over = True
    assert client.post(f"/v1/sessions/{SESSION}/give-up").json()["state"] == "aborted"


def test_who_waits_hears_of_a_new_phase_at_once_and_of_the_end(api: Any) -> None:
    sessions = Sessions()
    client = api.client(sessions=sessions)
    first = client.post(f"/v1/sessions/{SESSION}/wait?seconds=20").json()
    assert (first["over"], first["phase"], first["step"], first["session"]) == (False, "opening", 6, None)
    late = client.post(f"/v1/sessions/{SESSION}/wait?seconds=0.1&seen=opening").json()
    assert (late["over"], late["phase"]) == (False, "opening")
    sessions.over = True
    last = client.post(f"/v1/sessions/{SESSION}/wait?seen=opening").json()
    assert last["over"]
    assert last["session"]["state"] == "complete"


def test_who_waits_hears_why_a_session_never_began(api: Any) -> None:
    class Failed(Sessions):
        async def wait(self, session_id: str) -> SessionView:
            raise Refused("minimum_interval", "wait 20 s more")

    response = api.client(sessions=Failed()).post(f"/v1/sessions/{SESSION}/wait")
    assert (response.status_code, response.json()["rule"]) == (409, "minimum_interval")
