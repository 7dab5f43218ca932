"""`/v1/actors/erase`: an actor's end. The reference is never part of a URL, because URLs end up in logs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import NodeRefusing, NotFound
from psi_service.http_api.access import ANALYST
from psi_service.http_api.answers import answers
from psi_service.http_api.services import Services, services_of
from psi_service.retention.erasure import Erasure
from psi_service.tokens import TokenView

router = APIRouter(prefix="/v1/actors/erase", tags=["actors"])
Node = Annotated[Services, Depends(services_of)]

_ERASURE = {
    "reference": "acct-00017",
    "kinds": [{"kind": "email", "count": 2, "derived": 0}],
    "matches": 1,
    "peers": ["lab-b.example"],
    "erased": False,
}


class ErasureRequest(BaseModel):
    """Whom to erase, and whether to do it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reference": "acct-00017", "dry_run": True}}
    )

    reference: str = Field(max_length=1000, description="The actor's reference, as it was imported.")
    dry_run: bool = Field(True, description="Only say what would go.")


@router.post(
    "",
    summary="Erase an actor",
    responses=answers("What goes with it, or has gone.", _ERASURE, NotFound, NodeRefusing),
)
async def erase(
    node: Node, request: ErasureRequest, token: Annotated[TokenView, Depends(ANALYST)]
) -> Erasure:
    """Its indicators, their matches and salts. The log says that it was done, and by which token, not to whom."""
    if request.dry_run:
        return await node.retention.preview(request.reference)
    return await node.retention.erase(request.reference, f"token {token.id}")
