"""Every error has one HTTP answer, the client makes it the same error again, and a surprise shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
import structlog
from fastapi import FastAPI, Query
from pydantic import BaseModel
from starlette.testclient import TestClient

from psi_client.problem import error_of
from psi_core import errors
from psi_service.address import Address
from psi_service.http_api import problems
from psi_service.http_api.guard import Guard, names_of


def tree(root: type[errors.PsiError] = errors.PsiError) -> Iterator[type[errors.PsiError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def example(kind: type[errors.PsiError]) -> errors.PsiError:
    if issubclass(kind, errors.Refused):
        return kind("size_cap", "too many items of email asked", by="lab-b.example", note=b"secret note")
    if issubclass(kind, errors.InvalidIndicator):
        return kind("iban", "its check digits are wrong")
    if issubclass(kind, errors.PeerUnreachable):
        return kind("lab-b.example does not answer", fault="no-route")
    return kind("what, where and how to mend it")


class Item(BaseModel):
    name: str
    size: int


def application(raised: Exception | None = None) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Guard, names=names_of(Address("127.0.0.1", 80), (), "http"), large={})

    @app.get("/raise")
    async def _raise() -> None:
        if raised is not None:
            raise raised

    @app.post("/items")
    async def _items(item: Item, limit: Annotated[int, Query(ge=1)] = 1) -> Item:
        return item

    return app


def client(raised: Exception | None = None) -> TestClient:
    # An exception that leaves the application would be raised here, not answered.
    return TestClient(application(raised), base_url="http://127.0.0.1")


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_class_is_mapped_by_itself_and_comes_back_the_same(kind: type[errors.PsiError]) -> None:
    assert kind in problems.PROBLEMS, "a new class needs its own line in problems.py"
    error = example(kind)
    response = client(error).get("/raise")
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert response.status_code == body["status"] == problems.PROBLEMS[kind].status
    assert body["code"] == kind.code
    assert body["type"] == f"urn:psi:problem:{kind.code}"
    assert body["detail"] == str(error)
    assert "secret note" not in response.text
    again = error_of(response)
    assert type(again) is kind
    assert str(again) == str(error)
    for member in problems.MEMBERS.get(kind, ()):
        assert getattr(again, member) == getattr(error, member)


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in tree()]
    assert len(codes) == len(set(codes))


def test_a_class_that_is_not_in_the_table_is_answered_as_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = {kind: problem for kind, problem in problems.PROBLEMS.items() if kind is not errors.InvalidProof}
    monkeypatch.setattr(problems, "PROBLEMS", fewer)
    response = client(errors.InvalidProof("it leads elsewhere")).get("/raise")
    assert response.status_code == 422
    assert response.json()["code"] == "verification-failed"


def test_a_missing_token_names_the_scheme() -> None:
    response = client(errors.Unauthenticated("no token")).get("/raise")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_validation_names_field_and_reason_without_the_value() -> None:
    response = client().post("/items?limit=0", json={"size": "a-secret-value"})
    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "invalid-input"
    assert {fault["where"] for fault in body["errors"]} == {"query.limit", "body.name", "body.size"}
    assert "body.name: Field required" in body["detail"]
    assert "a-secret-value" not in response.text
    assert type(error_of(response)) is errors.InputError


def test_a_body_that_is_not_json_is_a_problem_too() -> None:
    response = client().post("/items", content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["code"] == "invalid-input"


def test_no_such_page_and_no_such_method() -> None:
    response = client().get("/nowhere")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert response.headers["content-type"] == "application/problem+json"
    response = client().delete("/items")
    assert (response.status_code, response.json()["code"]) == (405, "invalid-input")
    assert response.headers["allow"] == "POST"


def test_an_unforeseen_error_shows_nothing_and_leaves_a_number_in_the_journal() -> None:
    with structlog.testing.capture_logs() as journal:
        response = client(ValueError("alice@example.org is the value")).get("/raise")
    assert response.status_code == 500
    body = response.json()
    assert body["code"] == "error"
    for leak in ("alice", "ValueError", "Traceback", "test_problems", ".py"):
        assert leak not in response.text
    (line,) = journal
    assert line["number"] == body["number"]
    assert line["type"] == "ValueError"
    assert any("_raise" in place for place in line["places"])
    assert "alice" not in str(line)
    assert type(error_of(response)) is errors.PsiError
