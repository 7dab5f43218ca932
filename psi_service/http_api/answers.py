"""What the OpenAPI document says of answers: words, an example, and every problem that a route may answer with."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from psi_core import errors
from psi_service.http_api.problems import MEDIA_TYPE, PROBLEMS

Answers = dict[int | str, dict[str, Any]]

_EVERYWHERE: tuple[type[errors.PsiError], ...] = (
    errors.Unauthenticated,
    errors.AccessDenied,
    errors.InputError,
)


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
    reference = {"schema": {"$ref": "#/components/schemas/ProblemView"}}
    for number, titles in by_status.items():
        found[number] = {"description": " ".join(titles), "content": {MEDIA_TYPE: reference}}
    return found


def nothing(words: str, *kinds: type[errors.PsiError]) -> Answers:
    """The `responses` of a route that answers 204 without a body."""
    found = answers(words, None, *kinds, status=HTTPStatus.NO_CONTENT)
    del found[HTTPStatus.NO_CONTENT]["content"]
    return found


class DescribedApi(FastAPI):
    """FastAPI with the schema of problems in its document."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; built once."""
        document = super().openapi()
        document["components"]["schemas"].setdefault("ProblemView", ProblemView.model_json_schema())
        return document
