"""The routes as a whole: who may call each, how each is described, and that the client names the same ones."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr, TypeAdapter

from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_core.errors import PsiError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signer
from psi_service.http_api import application
from psi_service.http_api.access import Admits
from psi_service.tokens import Role

ANALYST, AUDITOR, OPERATOR = Role.ANALYST, Role.AUDITOR, Role.OPERATOR
ALL = {OPERATOR, ANALYST, AUDITOR}
BOTH = {OPERATOR, ANALYST}

TABLE: dict[str, set[Role]] = {
    "GET /v1/status": ALL,
    "POST /v1/imports": BOTH,
    "GET /v1/imports": BOTH,
    "GET /v1/actors": BOTH,
    "POST /v1/actors/show": BOTH,
    "POST /v1/actors/erase": BOTH,
    "GET /v1/card": BOTH,
    "GET /v1/peers": BOTH,
    "POST /v1/peers": {OPERATOR},
    "GET /v1/peers/{lab}": BOTH,
    "DELETE /v1/peers/{lab}": {OPERATOR},
    "POST /v1/peers/{lab}/test": BOTH,
    "GET /v1/consortium": {OPERATOR},
    "POST /v1/consortium": {OPERATOR},
    "GET /v1/consortium/invites": {OPERATOR},
    "POST /v1/consortium/invites": {OPERATOR},
    "POST /v1/consortium/join": {OPERATOR},
    "GET /v1/agreements": BOTH,
    "POST /v1/agreements": {OPERATOR},
    "POST /v1/agreements/notes": {OPERATOR},
    "GET /v1/agreements/{name}": BOTH,
    "GET /v1/agreements/{name}/words": BOTH,
    "POST /v1/agreements/{name}/accept": {OPERATOR},
    "POST /v1/agreements/{name}/send": {OPERATOR},
    "POST /v1/agreements/{name}/revoke": {OPERATOR},
    "POST /v1/sessions": BOTH,
    "GET /v1/sessions": BOTH,
    "GET /v1/sessions/{session_id}": BOTH,
    "POST /v1/sessions/{session_id}/wait": BOTH,
    "POST /v1/sessions/{session_id}/give-up": BOTH,
    "GET /v1/jobs": BOTH,
    "POST /v1/jobs": {OPERATOR},
    "GET /v1/jobs/{number}": BOTH,
    "POST /v1/jobs/{number}/run": BOTH,
    "POST /v1/jobs/{number}/wait": BOTH,
    "POST /v1/jobs/{number}/pause": {OPERATOR},
    "POST /v1/jobs/{number}/resume": {OPERATOR},
    "DELETE /v1/jobs/{number}": {OPERATOR},
    "GET /v1/matches": BOTH,
    "POST /v1/matches/show": BOTH,
    "POST /v1/matches/mark": BOTH,
    "GET /v1/matches/matrix": BOTH,
    "GET /v1/matches/rules": BOTH,
    "POST /v1/matches/export": BOTH,
    "POST /v1/matches/values": BOTH,
    "GET /v1/log": {OPERATOR, AUDITOR},
    "GET /v1/log/checkpoint": {OPERATOR, AUDITOR},
    "GET /v1/log/proof/{position}": {OPERATOR, AUDITOR},
    "GET /v1/log/{path}": {OPERATOR, AUDITOR},
    "GET /v1/tokens": {OPERATOR},
    "POST /v1/tokens": {OPERATOR},
    "DELETE /v1/tokens/{number}": {OPERATOR},
}


class Route(NamedTuple):
    """One method of one path, as the document names it."""

    method: str
    path: str
    route: APIRoute

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> list[Route]:
    found = []
    for room in application.ROOMS:
        for route in room.router.routes:
            assert isinstance(route, APIRoute)
            path = re.sub(r":path\}", "}", route.path)
            found += [Route(method, path, route) for method in sorted(route.methods)]
    return found


ROUTES = routes()


def test_the_table_names_every_route_and_no_other() -> None:
    assert sorted(route.name for route in ROUTES) == sorted(TABLE)


def call(client: Any, route: Route) -> int:
    path = (
        route.path.replace("{number}", "1")
        .replace("{session_id}", "8f" * 16)
        .replace("{lab}", "lab-z.example")
    )
    path = path.replace("{name}", "7f3a7f3a").replace("{path}", "tile/0/000")
    # A body that no route accepts: whoever is let in gets no further than its check.
    return int(client.request(route.method, path, json={"unknown": 1}).status_code)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_let_in_where_the_table_says(api: Any, role: Role) -> None:
    client = api.client(role)
    let_in = {route.name for route in ROUTES if call(client, route) != 403}
    assert let_in == {name for name, roles in TABLE.items() if role in roles}


@pytest.mark.parametrize("header", [None, "Basic b3A6b3A=", "Bearer", "Bearer psi_wrong", "bearer"])
def test_without_a_valid_token_there_is_nothing(api: Any, header: str | None) -> None:
    client = api.client(None)
    if header is not None:
        client.headers["authorization"] = header
    for route in ROUTES:
        assert call(client, route) == 401, route.name


def test_a_token_in_the_address_is_no_token(api: Any) -> None:
    token = api.tokens[OPERATOR]
    client = api.client(None)
    for query in ("token", "access_token", "authorization"):
        assert client.get(f"/v1/status?{query}={token}").status_code == 401
    assert client.get("/v1/status", headers={"cookie": f"token={token}"}).status_code == 401


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_has_one_rule_of_access(route: Route) -> None:
    rules = {each.call for each in route.route.dependant.dependencies if isinstance(each.call, Admits)}
    assert [rule.roles for rule in rules] == [TABLE[route.name]]


def test_only_the_document_is_open(api: Any) -> None:
    client = api.client(None)
    assert client.get("/v1/openapi.json").status_code == 200
    for path in ("/docs", "/redoc", "/openapi.json", "/", "/v1", "/v1/statusx"):
        assert client.get(path).status_code == 404


def success(operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    ((number, answer),) = [
        (number, answer) for number, answer in operation["responses"].items() if number < "300"
    ]
    return number, answer


def test_every_operation_is_described_with_its_answers_and_an_example(api: Any) -> None:
    document = api.client(None).get("/v1/openapi.json").json()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == set(TABLE)
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert operation["security"], name
        number, answer = success(operation)
        assert number == "204" or all("example" in media for media in answer["content"].values()), name
        for status, described in operation["responses"].items():
            assert described["description"] not in ("", "Successful Response", "Validation Error"), name
            if status >= "400":
                assert list(described["content"]) == ["application/problem+json"], (name, status)
        assert {"401", "403", "422"} <= set(operation["responses"]), name
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"], name
    assert document["components"]["schemas"]["ProblemView"]["properties"]["code"]["description"]


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.route.response_model], ids=lambda route: route.name
)
def test_every_example_is_what_the_route_can_answer(route: Route) -> None:
    answer = next(answer for status, answer in route.route.responses.items() if int(status) < 300)
    example = answer["content"]["application/json"]["example"]
    adapter: TypeAdapter[Any] = TypeAdapter(route.route.response_model)
    again = adapter.dump_python(adapter.validate_json(json.dumps(example)), mode="json")
    assert_contains(again, example)


def assert_contains(whole: Any, part: Any) -> None:
    """Every member of the example is in the answer: none was dropped as unknown."""
    if isinstance(part, dict):
        assert set(part) <= set(whole)
        for name, value in part.items():
            assert_contains(whole[name], value)
    elif isinstance(part, list):
        for one, other in zip(whole, part, strict=True):
            assert_contains(one, other)
    else:
        assert whole == part


SAMPLES: dict[str, Any] = {
    "position": 3,
    "name": "7f3a",
    "role": "analyst",
    "number": 1,
    "reference": "acct-1",
    "lab": "lab-b.example",
    "cron": "0 3 * * *",
    "card": "note",
    "hash_prefix": "7f3a",
    "note": "note",
    "proposal": {},
    "reason": "over",
    "session_id": "8f" * 16,
    "status": "confirmed",
    "peer": "lab-b.example",
    "rows": [],
}
EVERYTHING = {"over": True, "phase": None, "session_id": "8f" * 16}


def calls_of(method: str, tmp_path: Path) -> Iterator[str]:
    """What a method of the client asks of the node, as the document names it."""
    asked: list[str] = []
    checkpoint = Checkpoint("lab-a.example/psi-log", 1, bytes(32)).signed(
        Signer.generate("lab-a.example/psi-log")
    )

    def answer(request: httpx2.Request) -> httpx2.Response:
        request.read()
        asked.append(f"{request.method} {request.url.path}")
        if request.url.path.startswith("/v1/log/"):
            return httpx2.Response(200, content=checkpoint)
        return httpx2.Response(200, json=EVERYTHING)

    profile = Profile(url="http://127.0.0.1:7480", token=SecretStr("psi_x"))
    with NodeClient(profile, transport=httpx2.MockTransport(answer)) as client:
        function = getattr(client, method)
        (tmp_path / "list.csv").write_text("x")
        places = {"path": tmp_path / "list.csv", "directory": tmp_path / "log"}
        required = [
            {**SAMPLES, **places}[name]
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.default is inspect.Parameter.empty
        ]
        try:
            result = function(*required)
            if inspect.isgenerator(result):
                list(result)
        except PsiError:
            pass  # lists are answered with an object here: what was asked is what counts
    yield from asked


def test_the_client_and_the_node_name_the_same_routes(tmp_path: Path) -> None:
    methods = [
        name for name, _ in inspect.getmembers(NodeClient, inspect.isfunction) if not name.startswith("_")
    ]
    used = set()
    for number, method in enumerate(name for name in methods if name != "close"):
        folder = tmp_path / str(number)
        folder.mkdir()
        asked = set(calls_of(method, folder))
        assert asked, method
        for each in asked:
            matching = [
                route.name
                for route in ROUTES
                if re.fullmatch(
                    re.sub(r"\{path\}", ".+", re.sub(r"\{(?!path)\w+\}", "[^/]+", route.name)), each
                )
            ]
            assert matching, f"{method} asks for {each}, which the node does not have"
            used.add(matching[0])
    assert used == set(TABLE), "a route that no method of the client reaches"
