"""What the OpenAPI document says of answers: words, an example, and every problem that a route may answer with."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from psi_core import errors
from psi_service.http_api.problems import MEDIA_TYPE, PROBLEMS

Answers = dict[int | str, dict[str, Any]]

MAX_NUMBER = 2**53 - 1
"""Largest row number in a request: JSON's integers are exact up to here, and SQLite's go further."""

_EVERYWHERE: tuple[type[errors.PsiError], ...] = (
    errors.Unauthenticated,
    errors.AccessDenied,
    errors.InputError,
)

_PROBLEM = {"schema": {"$ref": "#/components/schemas/ProblemView"}}


class ProblemView(BaseModel):
    """An error, as RFC 9457 has it. Some kinds carry members besides: rule, words, by, fault, kind, reason, errors."""

    type: str = Field(description="A URN with the code.", examples=["urn:psi:problem:not-found"])
    title: str = Field(description="The kind of error in words.", examples=["There is no such thing"])
    status: int = Field(description="The HTTP status again.", examples=[404])
    detail: str = Field(
        description="What, where and how to mend it.", examples=["there is no peer lab-c.example"]
    )
    code: str = Field(description="The kind of error; it does not change.", examples=["not-found"])


def answers(
    words: str,
    example: object,
    *kinds: type[errors.PsiError],
    status: int = 200,
    media: str = "application/json",
) -> Answers:
    """The `responses` of a route: one success with an example, and the problems of `kinds` beside the usual ones."""
    found: Answers = {status: {"description": words, "content": {media: {"example": example}}}}
    by_status: dict[int, list[str]] = {}
    for kind in (*_EVERYWHERE, *kinds):
        problem = PROBLEMS[kind]
        by_status.setdefault(int(problem.status), []).append(f"{problem.title} (`{kind.code}`).")
    for number, titles in by_status.items():
        found[number] = {"description": " ".join(titles), "content": {MEDIA_TYPE: _PROBLEM}}
    return found


def nothing(words: str, *kinds: type[errors.PsiError]) -> Answers:
    """The `responses` of a route that answers 204 without a body."""
    found = answers(words, None, *kinds, status=HTTPStatus.NO_CONTENT)
    del found[HTTPStatus.NO_CONTENT]["content"]
    return found


_OF_BODIES = {
    HTTPStatus.BAD_REQUEST: "The body is no text that can be read (`invalid-input`).",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large (`invalid-input`).",
}


def _describe_bodies(responses: dict[str, Any]) -> None:
    """What HTTP itself has against a body, before any route sees it."""
    for status, words in _OF_BODIES.items():
        responses.setdefault(str(int(status)), {"description": words, "content": {MEDIA_TYPE: _PROBLEM}})


class DescribedApi(FastAPI):
    """FastAPI with the schema of problems in its document."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; built once."""
        document = super().openapi()
        document["components"]["schemas"].setdefault("ProblemView", ProblemView.model_json_schema())
        for operations in document["paths"].values():
            for operation in operations.values():
                if "requestBody" in operation:
                    _describe_bodies(operation["responses"])
        return document
