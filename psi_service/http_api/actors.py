"""`/v1/actors`: the lab's own actors. A reference is never part of a URL, because URLs end up in logs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import NotFound
from psi_service.actors.service import MAX_PAGE
from psi_service.actors.views import ActorPage, ActorView
from psi_service.http_api.access import ANALYST
from psi_service.http_api.answers import MAX_NUMBER, answers
from psi_service.http_api.services import Services, services_of

router = APIRouter(prefix="/v1/actors", tags=["actors"], dependencies=[Depends(ANALYST)])
Node = Annotated[Services, Depends(services_of)]

_ACTOR = {
    "reference": "acct-00017",
    "created": "2026-11-24T09:30:00Z",
    "kinds": [
        {"kind": "email", "count": 2, "derived": 0},
        {"kind": "email_mailbox", "count": 2, "derived": 2},
    ],
    "indicators": 4,
    "first_seen": "2026-02-03T00:00:00Z",
    "last_seen": "2026-10-30T00:00:00Z",
}


class ActorRequest(BaseModel):
    """Whom to show."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reference": "acct-00017"}})

    reference: str = Field(max_length=1000, description="The actor's reference, as it was imported.")


@router.get(
    "",
    summary="Own actors",
    responses=answers("A page of them.", {"actors": [_ACTOR], "total": 5000, "next": 17}),
)
async def list_actors(
    node: Node,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many a page has.")] = 50,
    after: Annotated[int, Query(ge=0, le=MAX_NUMBER, description="The `next` of the page before.")] = 0,
    kind: Annotated[
        str | None, Query(max_length=100, description="Only actors with an indicator of this kind.")
    ] = None,
) -> ActorPage:
    """In the order of their first import, with counts by kind. Values are not stored."""
    return await node.actors.list(limit=limit, after=after, kind=kind)


@router.post("/show", summary="One actor", responses=answers("The actor.", _ACTOR, NotFound))
async def show(node: Node, request: ActorRequest) -> ActorView:
    """Counts by kind, and when it was seen."""
    return await node.actors.show(request.reference)
