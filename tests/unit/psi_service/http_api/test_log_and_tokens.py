"""Rooms `log` and `tokens`, over a real store."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.tiles import layout
from psi_core.log.tree import leaf_hash, root_of
from psi_service.log.stored_tree import node_reader, read_entry
from psi_service.tokens import Role


def grow(api: Any, entries: int) -> None:
    """Log entries until there are `entries` of them."""

    def work(db: Any) -> None:
        for number in range(entries - api.services.log.size):
            api.services.log.append(db, EntryKind.ADMIN, {"number": number})

    api.services.store.transaction_now(work)


def test_the_state_of_the_log(api: Any) -> None:
    found = api.client(Role.AUDITOR).get("/v1/log").json()
    assert found == {"origin": "lab-a.example/psi-log", "size": 3, "refusal": None}
    api.services.log.refusal = "the log was set back"
    assert api.client().get("/v1/log").json()["refusal"] == "the log was set back"


def test_a_refusing_node_answers_reads_and_signs_nothing(api: Any) -> None:
    api.services.log.refusal = "the log was set back: put the newest database back"
    client = api.client()
    assert client.get("/v1/tokens").status_code == 200
    assert client.get("/v1/log/tile/0/000.p/3").status_code == 200
    refused = [
        client.get("/v1/log/checkpoint"),
        client.post("/v1/tokens", json={"name": "Ada", "role": "analyst"}),
    ]
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (503, "node-refusing")
        assert "put the newest database back" in response.json()["detail"]


def test_an_auditor_can_fetch_and_verify_the_whole_log(api: Any) -> None:
    grow(api, 600)
    client = api.client(Role.AUDITOR)
    note = client.get("/v1/log/checkpoint").content
    head = Checkpoint.open(note, api.services.card.card.log_verifier)
    assert head.size == 600
    expected = api.services.store.query_now(
        lambda db: list(layout(600, node_reader(db), lambda position: read_entry(db, position)))
    )
    assert [path for path, _ in expected][2] == "tile/entries/002.p/88"
    for path, content in expected:
        response = client.get(f"/v1/log/{path}")
        assert response.status_code == 200, path
        assert response.content == content
    entries = api.services.store.query_now(lambda db: [read_entry(db, each) for each in range(600)])
    assert root_of([leaf_hash(entry) for entry in entries]) == head.root


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000",  # there are only 3 entries
        "tile/0/000.p/4",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        "tile/64/000.p/1",
        "tile/00/000.p/3",
        "tile/0/x000/000.p/3",
        "tile/0/000.p/03",
        "tile/0/000.p/0",
        "tile/0/000.p/999",
        "tile/entries/000.p/4",
        "tile/entries/999",
        "tile/entries/x999/x999/x999/x999/x999/999",
        "tile/0/000.p/3/",
        "tile/0/0",
        "node.db",
        "..%2f..%2fkeys/data.key",
    ],
)
def test_no_other_path_is_a_file(api: Any, path: str) -> None:
    response = api.client().get(f"/v1/log/{path}")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


def test_a_token_made_here_opens_until_it_is_revoked(api: Any) -> None:
    operator = api.client()
    made = operator.post("/v1/tokens", json={"name": "Ada", "role": "auditor", "days": 90})
    assert made.status_code == HTTPStatus.CREATED
    assert made.json()["view"]["expires"] == "2027-02-22T09:30:00Z"
    with_it = {"authorization": f"Bearer {made.json()['token']}"}
    visitor = api.client(None)
    assert visitor.get("/v1/log", headers=with_it).status_code == 200
    number = made.json()["view"]["id"]
    assert operator.get("/v1/tokens").json()[-1] == made.json()["view"]
    assert operator.delete(f"/v1/tokens/{number}").json()["revoked"] == "2026-11-24T09:30:00Z"
    assert visitor.get("/v1/log", headers=with_it).status_code == 401
    assert operator.delete(f"/v1/tokens/{number}").status_code == 409
    assert operator.delete("/v1/tokens/77").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "role": "auditor"},
        {"name": "two\nlines", "role": "auditor"},
        {"name": "Ada", "role": "root"},
        {"name": "Ada", "role": "auditor", "days": 0},
        {"name": "Ada", "role": "auditor", "dys": 3},
    ],
)
def test_a_wrong_wish_for_a_token_is_refused(api: Any, body: dict[str, Any]) -> None:
    assert api.client().post("/v1/tokens", json=body).status_code == 422


def test_no_list_shows_a_token_or_its_hash(api: Any) -> None:
    text = api.client().get("/v1/tokens").text
    assert "hash" not in text
    assert not [token for token in api.tokens.values() if token in text]
