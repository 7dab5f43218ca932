"""`/v1/tokens`: who may call this node."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import Conflict, NodeRefusing, NotFound
from psi_core.log.signed_text import ShortText
from psi_service.http_api.access import OPERATOR
from psi_service.http_api.answers import MAX_NUMBER, answers
from psi_service.http_api.services import Services, services_of
from psi_service.tokens import NewToken, Role, TokenView

router = APIRouter(prefix="/v1/tokens", tags=["tokens"], dependencies=[Depends(OPERATOR)])
Node = Annotated[Services, Depends(services_of)]

_VIEW = {
    "id": 2,
    "name": "Ada",
    "role": "analyst",
    "created": "2026-11-24T09:30:00Z",
    "expires": "2027-02-22T09:30:00Z",
    "revoked": None,
}
_NEW = {"token": "psi_(43 characters)", "view": _VIEW}


class TokenRequest(BaseModel):
    """A token to make."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Ada", "role": "analyst", "days": 90}}
    )

    name: ShortText = Field(description="Whose it will be, for people.")
    role: Role
    days: int | None = Field(
        None, ge=1, le=3650, description="How long it opens; left out: until it is revoked."
    )


@router.get("", summary="Every token", responses=answers("All tokens, oldest first.", [_VIEW]))
async def list_tokens(node: Node) -> tuple[TokenView, ...]:
    """Expired and revoked ones too; the tokens themselves are not kept."""
    return await node.tokens.list()


@router.post(
    "",
    status_code=201,
    summary="Make a token",
    responses=answers("The token; it is shown this once.", _NEW, NodeRefusing, status=201),
)
async def create_token(node: Node, request: TokenRequest) -> NewToken:
    """Roles: operator (everything), analyst (imports, matches, sessions), auditor (the log)."""
    lifetime = None if request.days is None else timedelta(days=request.days)
    return await node.tokens.create(request.name, request.role, lifetime)


@router.delete(
    "/{number}",
    summary="Revoke a token",
    responses=answers(
        "The token, revoked.", {**_VIEW, "revoked": "2026-11-25T08:00:00Z"}, NotFound, Conflict, NodeRefusing
    ),
)
async def revoke_token(
    node: Node, number: Annotated[int, Path(ge=1, le=MAX_NUMBER, description="As the list has it.")]
) -> TokenView:
    """From now on it opens nothing. It stays in the list."""
    return await node.tokens.revoke(number)
