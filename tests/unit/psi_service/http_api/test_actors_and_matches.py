"""Rooms `actors`, `matches` and `status`: stand-ins answer, what reaches them and what comes back is checked."""

from __future__ import annotations

from typing import Any

import pytest

from psi_core.errors import NotFound
from psi_service.actors.views import ActorPage, ActorView
from psi_service.consortium.service import ConsortiumKey
from psi_service.http_api.guard import MAX_BODY
from psi_service.matches.service import MatchService
from psi_service.matches.views import MatchedValues, MatchRow, Matrix
from psi_service.tokens import Role

SESSION = "8f0c3d5ee1f94c52a0f2a4f1b6d3c7e9"
ACTOR = ActorView(
    reference="acct/17",
    created="2026-11-24T09:30:00Z",
    kinds=(),
    indicators=0,
    first_seen=None,
    last_seen=None,
)
ROW = MatchRow(
    actor="acct/17",
    peer="lab-b.example",
    matched=("email",),
    of=2,
    strength="medium",
    why=("one personal kind",),
    first_seen=None,
    last_seen=None,
    tlp=None,
    status="to review",
    new=True,
    match_keys=(),
)


class Remembering:
    """Keeps every call as (method, positional, named) and answers from a table."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        async def called(*positional: Any, **named: Any) -> Any:
            self.calls.append((name, positional, named))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return called


def test_actors_are_paged_and_shown_without_the_reference_in_an_address(api: Any) -> None:
    actors = Remembering(list=ActorPage(actors=(ACTOR,), total=1, next=None), show=ACTOR)
    client = api.client(Role.ANALYST, actors=actors)
    page = client.get("/v1/actors?limit=5&after=17&kind=email").json()
    assert (page["total"], page["actors"][0]["reference"]) == (1, "acct/17")
    shown = client.post("/v1/actors/show", json={"reference": "acct/17"})
    assert shown.json()["reference"] == "acct/17"
    assert actors.calls == [
        ("list", (), {"limit": 5, "after": 17, "kind": "email"}),
        ("show", ("acct/17",), {}),
    ]
    assert client.get("/v1/actors?limit=0").status_code == 422
    unknown = api.client(actors=Remembering(show=NotFound("there is no actor of this reference")))
    assert unknown.post("/v1/actors/show", json={"reference": "x"}).status_code == 404


def test_matches_are_filtered_shown_marked_and_counted(api: Any) -> None:
    matches = Remembering(list=(ROW,), show=(ROW,), mark=ROW, matrix=Matrix(match_keys=(), peers=()))
    client = api.client(Role.ANALYST, matches=matches)
    query = (
        f"peer=lab-b.example&session={SESSION}&status=confirmed&include_false_positives=true&only_new=true"
    )
    assert client.get(f"/v1/matches?{query}").json()[0]["actor"] == "acct/17"
    assert client.post("/v1/matches/show", json={"reference": "acct/17"}).json()[0]["of"] == 2
    mark = {"reference": "acct/17", "peer": "lab-b.example", "status": "false positive", "match_key": "email"}
    assert client.post("/v1/matches/mark", json=mark).json()["peer"] == "lab-b.example"
    assert client.get("/v1/matches/matrix").json() == {"match_keys": [], "peers": []}
    everything = {"peer": "lab-b.example", "session": SESSION, "status": "confirmed"}
    assert matches.calls == [
        ("list", (), {**everything, "include_false_positives": True, "only_new": True}),
        ("show", ("acct/17",), {}),
        ("mark", ("acct/17", "lab-b.example", "false positive", "email"), {}),
        ("matrix", (), {}),
    ]


@pytest.mark.parametrize("query", ["status=maybe", "session=xyz", "peer=LAB", "only_new=perhaps"])
def test_filters_that_mean_nothing(api: Any, query: str) -> None:
    assert api.client(matches=Remembering()).get(f"/v1/matches?{query}").status_code == 422


def test_the_rules_of_strength_are_shown(api: Any) -> None:
    class Matches:
        rules = staticmethod(MatchService.rules)

    found = api.client(matches=Matches()).get("/v1/matches/rules").json()
    assert {rule["strength"] for rule in found} >= {"strong", "medium", "weak", None}


def test_exports_name_the_token_that_took_them(api: Any) -> None:
    matches = Remembering(export=[{"actor": "acct/17"}], values=MatchedValues(values=(), unread=0))
    client = api.client(Role.ANALYST, matches=matches)
    numbers = {token["role"]: token["id"] for token in api.client().get("/v1/tokens").json()}
    by = f"token {numbers['analyst']}"
    assert client.post("/v1/matches/export", json={"peer": "lab-b.example"}).json() == [{"actor": "acct/17"}]
    rows = [{"actor": "acct/17", "kind": "email", "value": "ada@example.org"}] * 5000
    found = client.post("/v1/matches/values", json={"rows": rows, "region": "DE"})
    assert found.json() == {"values": [], "unread": 0}
    (_, first, named), (_, second, _) = matches.calls
    assert first == (by,)
    assert named == {"peer": "lab-b.example", "session": None, "status": None}
    assert second[0] == by
    assert len(second[1]) == 5000
    assert len(found.request.content) > MAX_BODY


def test_a_list_with_many_faults_tells_the_first_of_them(api: Any) -> None:
    rows = [{"actor": "acct-secret", "kind": "email"}] * 1000
    response = api.client(matches=Remembering()).post("/v1/matches/values", json={"rows": rows})
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 20
    assert "acct-secret" not in response.text


def test_the_status_of_a_node_in_no_consortium_and_in_one(api: Any) -> None:
    agreements = Remembering(list=("one that waits",))
    outside = Remembering(current=NotFound("this node is in no consortium"), waiting=())
    found = api.client(Role.AUDITOR, consortium=outside, agreements=agreements).get("/v1/status").json()
    assert found == {
        "lab": "lab-a.example",
        "version": "0.1.0",
        "address": "psi.lab-a.example:7443",
        "profile": "v1",
        "consortium": None,
        "consortium_key_id": None,
        "peers": 0,
        "waiting_invites": 0,
        "waiting_agreements": 1,
        "log": {"origin": "lab-a.example/psi-log", "size": 3, "refusal": None},
    }
    assert agreements.calls == [("list", (), {"state": "waiting"})]
    inside = Remembering(
        current=ConsortiumKey("3b9f", "abuse sharing", "v1", b"k" * 32), waiting=("an invite",)
    )
    response = api.client(consortium=inside, agreements=agreements).get("/v1/status")
    found = response.json()
    assert (found["consortium"], found["consortium_key_id"], found["waiting_invites"]) == (
        "abuse sharing",
        "3b9f",
        1,
    )
    assert (b"k" * 32).hex() not in response.text
    assert "kkkk" not in response.text
