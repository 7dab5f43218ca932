"""`/v1/consortium`: the consortium key's origin, invites sent and received. The key itself is in no answer."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator

from psi_core.errors import Conflict, InvalidNote, InvalidSignature, InvalidText, NodeRefusing, NotFound
from psi_core.log.note import MAX_NOTE
from psi_core.log.signed_text import LabName, ShortText
from psi_service.consortium.views import ConsortiumView, InviteView, SentInvite
from psi_service.http_api.access import OPERATOR
from psi_service.http_api.answers import answers
from psi_service.http_api.services import Services, services_of

router = APIRouter(prefix="/v1/consortium", tags=["consortium"], dependencies=[Depends(OPERATOR)])
Node = Annotated[Services, Depends(services_of)]

_CONSORTIUM = {
    "key_id": "3b9f0c2a77d1e845",
    "name": "abuse sharing",
    "profile": "v1",
    "origin": "lab-a.example",
    "current": True,
    "created": "2026-11-24T09:30:00Z",
}
_WAITING = {
    "hash": "7f3a" * 16,
    "lab": "lab-a.example",
    "consortium": "abuse sharing",
    "key_id": "3b9f0c2a77d1e845",
    "profile": "v1",
    "received": "2026-11-24T09:31:00Z",
}
_SENT = {
    "lab": "lab-b.example",
    "key_id": "3b9f0c2a77d1e845",
    "note": "psi-invite/v1\n{...}\n\n— lab-a.example (signature)\n",
    "delivered": "waiting",
    "fault": None,
}


class ConsortiumRequest(BaseModel):
    """A consortium to create."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "abuse sharing"}})

    name: ShortText = Field(description="What its members call it.")


class InviteRequest(BaseModel):
    """A lab to invite."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"lab": "lab-b.example"}})

    lab: LabName = Field(description="A pinned lab.")
    send: bool = Field(True, description="Send it to the lab's node; false: hand the note over as a file.")


class JoinRequest(BaseModel):
    """An invite to accept: one that waits here, or one that came as a file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"hash": "7f3a"}})

    hash: str | None = Field(None, max_length=64, description="The beginning of a waiting invite's hash.")
    note: str | None = Field(None, max_length=MAX_NOTE, description="The signed invite itself.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.hash is None) == (self.note is None):
            raise ValueError("give either hash or note")
        return self


@router.get("", summary="Consortia", responses=answers("Every one this node was in.", [_CONSORTIUM]))
async def list_consortia(node: Node) -> tuple[ConsortiumView, ...]:
    """Oldest first; one of them is current."""
    return await node.consortium.list()


@router.post(
    "",
    status_code=201,
    summary="Create a consortium",
    responses=answers("It is current.", _CONSORTIUM, Conflict, NodeRefusing, status=201),
)
async def create(node: Node, request: ConsortiumRequest) -> ConsortiumView:
    """Draws a new consortium key. Only possible while no indicator is stored under another."""
    return await node.consortium.create(request.name)


@router.get("/invites", summary="Invites that wait", responses=answers("Oldest first.", [_WAITING]))
async def list_invites(node: Node) -> tuple[InviteView, ...]:
    """What other labs sent and nobody here has answered."""
    return await node.consortium.waiting()


@router.post(
    "/invites",
    status_code=201,
    summary="Invite a lab",
    responses=answers("The invite, and whether it was delivered.", _SENT, NotFound, NodeRefusing, status=201),
)
async def invite(node: Node, request: InviteRequest) -> SentInvite:
    """Seals the consortium key for a pinned lab's card, signs it and sends it."""
    return await node.consortium.invite(request.lab, send=request.send)


@router.post(
    "/join",
    summary="Join a consortium",
    responses=answers(
        "The consortium; it is current.",
        _CONSORTIUM,
        NotFound,
        Conflict,
        InvalidNote,
        InvalidText,
        InvalidSignature,
        NodeRefusing,
    ),
)
async def join(node: Node, request: JoinRequest) -> ConsortiumView:
    """Both cards must be pinned. Ask a person first: the key decides whom this node can match with."""
    return await node.consortium.join(
        request.note.encode() if request.note is not None else request.hash or ""
    )
