"""Room `agreements`, over the real service; the other lab is its keys alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.identity.node_keys import NodeKeys
from psi_service.agreements.service import AgreementService
from psi_service.consortium.service import ConsortiumKey
from psi_service.tokens import Role

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LAB_A, LAB_B = "lab-a.example", "lab-b.example"
PROPOSAL = {"lab": LAB_B, "title": "abuse sharing 2026", "match_keys": [{"match_key": "email"}]}


@dataclass
class Desk:
    """Our service, the other lab's keys, what was delivered to it."""

    api: Any
    own: NodeKeys = field(default_factory=lambda: NodeKeys.generate(LAB_A, NOW))
    peer: NodeKeys = field(default_factory=lambda: NodeKeys.generate(LAB_B, NOW))
    delivered: list[bytes] = field(default_factory=list)

    async def deliver(self, lab: str, note: bytes) -> str:
        assert lab == LAB_B
        self.delivered.append(note)
        return "waiting"

    async def key(self) -> ConsortiumKey:
        return ConsortiumKey("3b9f0c2a77d1e845", "abuse sharing", "v1", b"k" * 32)

    def client(self, role: Role = Role.OPERATOR) -> Any:
        services = self.api.services
        agreements = AgreementService(
            self.own, services.store, services.log, services.peers.get, self.key, self.deliver, services.clock
        )
        return self.api.client(role, agreements=agreements)


@pytest.fixture
def desk(api: Any) -> Desk:
    desk = Desk(api)
    card = desk.peer.card(LAB_B, "psi.lab-b.example:7443", NOW)
    # The directory's lock belongs to the loop that first waits for it: nobody waits here.
    asyncio.run(api.services.peers.add(card))
    return desk


def test_a_proposal_is_signed_and_sent_and_shown_in_words(desk: Desk) -> None:
    client = desk.client()
    proposed = client.post("/v1/agreements", json=PROPOSAL)
    assert proposed.status_code == 201, proposed.text
    view = proposed.json()
    assert (view["state"], view["delivered"], view["peer"]) == ("proposed", "waiting", LAB_B)
    (note,) = desk.delivered
    assert Agreement.open(note, desk.own.document.verifier).hash().hex() == view["hash"]
    assert client.get("/v1/agreements").json()[0]["hash"] == view["hash"]
    assert client.get("/v1/agreements?state=waiting").json() == []
    analyst = desk.client(Role.ANALYST)
    assert analyst.get(f"/v1/agreements/{view['hash'][:8]}").json()["terms"]["title"] == "abuse sharing 2026"
    words = analyst.get(f"/v1/agreements/{view['hash'][:8]}/words")
    assert words.headers["content-type"].startswith("text/plain")
    assert view["hash"] in words.text


def test_a_proposal_by_file_is_not_sent(desk: Desk) -> None:
    view = desk.client().post("/v1/agreements?send=false", json=PROPOSAL).json()
    assert (view["delivered"], view["fault"], desk.delivered) == (None, None, [])


def test_a_note_that_came_as_a_file_is_taken_accepted_sent_and_revoked(desk: Desk) -> None:
    client = desk.client()
    ours = client.post("/v1/agreements?send=false", json=PROPOSAL).json()
    theirs = (
        Agreement.unverified(ours["note"].encode())
        .model_copy(update={"title": "theirs"})
        .signed(desk.peer.document)
    )
    assert client.post("/v1/agreements/notes", json={"note": theirs.decode()}).json() == {"state": "waiting"}
    (waiting,) = client.get("/v1/agreements?state=waiting").json()
    accepted = client.post(f"/v1/agreements/{waiting['hash']}/accept").json()
    assert (accepted["state"], accepted["delivered"]) == ("in_force", "waiting")
    Agreement.open(desk.delivered[-1], desk.own.document.verifier, desk.peer.document.verifier)
    client.post(f"/v1/agreements/{waiting['hash']}/send")
    assert desk.delivered[-1] == desk.delivered[-2]
    revoked = client.post(
        f"/v1/agreements/{waiting['hash']}/revoke", json={"reason": "the project has ended"}
    )
    assert revoked.json()["state"] == "revoked"
    assert Revocation.open(desk.delivered[-1], desk.own.document.verifier).reason == "the project has ended"
    again = client.post(f"/v1/agreements/{waiting['hash']}/revoke", json={"reason": "twice"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"lab": "lab-z.example"}, 404, "not-found"),
        ({"title": ""}, 422, "invalid-input"),
        ({"titel": "x"}, 422, "invalid-input"),
        ({"match_keys": []}, 422, "invalid-input"),
        ({"match_keys": [{"match_key": "shoe_size"}]}, 422, None),
        ({"padding_bucket": 1}, 422, "invalid-text"),
    ],
)
def test_terms_that_will_not_do(desk: Desk, change: dict[str, Any], status: int, code: str | None) -> None:
    response = desk.client().post("/v1/agreements", json={**PROPOSAL, **change})
    assert response.status_code == status, response.text
    assert code is None or response.json()["code"] == code
    assert desk.delivered == []


@pytest.mark.parametrize(("name", "status"), [("7f3a", 404), ("xyz", 422), ("7f", 422)])
def test_names_of_no_agreement(desk: Desk, name: str, status: int) -> None:
    client = desk.client()
    for path in ("", "/words"):
        assert client.get(f"/v1/agreements/{name}{path}").status_code == status
    assert client.post(f"/v1/agreements/{name}/accept").status_code == status
