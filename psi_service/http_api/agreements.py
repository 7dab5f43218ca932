"""`/v1/agreements`: terms that both labs sign before anything runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import (
    Conflict,
    InvalidMatchKey,
    InvalidNote,
    InvalidSignature,
    InvalidText,
    NodeRefusing,
    NotFound,
    VerificationError,
)
from psi_core.log.note import MAX_NOTE
from psi_core.log.signed_text import LabName, ShortText
from psi_service.agreements.proposal import Proposal
from psi_service.agreements.views import AgreementView, State
from psi_service.http_api.access import ANALYST, OPERATOR
from psi_service.http_api.answers import answers
from psi_service.http_api.services import Services, services_of

router = APIRouter(prefix="/v1/agreements", tags=["agreements"])
Node = Annotated[Services, Depends(services_of)]
Named = Annotated[
    str,
    Path(
        max_length=64, description="The agreement's hash, or its first 4 or more digits.", examples=["7f3a"]
    ),
]
Send = Annotated[
    bool, Query(description="Send it to the other node; false: hand the view's note over as a file.")
]

_NOTE = "psi-agreement/v1\n{...}\n\n— lab-a.example (signature)\n— lab-b.example (signature)\n"
_TERMS = {
    "title": "abuse sharing 2026",
    "labs": ["lab-a.example", "lab-b.example"],
    "match_keys": [{"match_key": "email", "max_size": 50000, "evaluations_per_period": 100000}],
    "learns": ["lab-a.example", "lab-b.example"],
    "reveal": ["items"],
    "engines": [{"engine": "oprf", "variant": "verifiable"}],
    "labels": [{"lab": "lab-b.example", "fields": ["severity", "campaign"]}],
    "valid_from": "2026-11-24T00:00:00Z",
    "valid_until": "2027-11-24T00:00:00Z",
    "period_start": "2026-11-24T00:00:00Z",
    "period_seconds": 86400,
    "minimum_interval_seconds": 60,
    "padding_bucket": 1024,
    "bundle_days": 30,
    "late_abort_limit": 3,
    "profile": "v1",
    "consortium_key_id": "3b9f0c2a77d1e845",
    "created": "2026-11-24T09:30:00Z",
    "nonce": "00112233445566778899aabbccddeeff",
}
_AGREEMENT = {
    "hash": "7f3a" * 16,
    "peer": "lab-b.example",
    "state": "in_force",
    "terms": _TERMS,
    "note": _NOTE,
    "revocation": None,
    "ended": None,
    "delivered": "in_force",
    "fault": None,
}
_ENDED = {
    "how": "revoked",
    "by": "lab-a.example",
    "at": "2026-12-24T09:30:00Z",
    "reason": "the project has ended",
}
_REVOKED = {**_AGREEMENT, "state": "revoked", "ended": _ENDED, "delivered": "revoked"}
_PROPOSAL = {"lab": "lab-b.example", "title": "abuse sharing 2026", "match_keys": [{"match_key": "email"}]}
_TEXT = (InvalidNote, InvalidText, InvalidMatchKey, InvalidSignature, VerificationError)


class RevocationRequest(BaseModel):
    """Why an agreement ends."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "the project has ended"}}
    )

    reason: ShortText = Field(description="For the other lab and the log.")


class NoteRequest(BaseModel):
    """An agreement or a revocation that came as a file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"note": _NOTE}})

    note: str = Field(max_length=MAX_NOTE, description="The signed note.")


class Taken(BaseModel):
    """What became of a note: waiting, in_force, revoked, or known already."""

    state: str


@router.get(
    "",
    summary="Agreements",
    dependencies=[Depends(ANALYST)],
    responses=answers("Newest first.", [_AGREEMENT]),
)
async def list_agreements(
    node: Node, state: State | None = None, peer: LabName | None = None
) -> tuple[AgreementView, ...]:
    """Those in one state, or with one lab, when asked. `waiting` ones wait for somebody here."""
    return await node.agreements.list(state=state, peer=peer)


@router.post(
    "",
    status_code=201,
    summary="Propose an agreement",
    dependencies=[Depends(OPERATOR)],
    openapi_extra={"requestBody": {"content": {"application/json": {"example": _PROPOSAL}}}},
    responses=answers(
        "Signed by this lab, and sent.",
        {**_AGREEMENT, "state": "proposed"},
        *_TEXT,
        NotFound,
        NodeRefusing,
        status=201,
    ),
)
async def propose(node: Node, proposal: Proposal, send: Send = True) -> AgreementView:
    """Whatever is left out takes its default, which stands in the signed text. The other lab has to accept."""
    return await node.agreements.propose(proposal, send=send)


@router.post(
    "/notes",
    summary="Take a note that came as a file",
    dependencies=[Depends(OPERATOR)],
    responses=answers("What became of it.", {"state": "waiting"}, *_TEXT, NotFound, Conflict, NodeRefusing),
)
async def take(node: Node, request: NoteRequest) -> Taken:
    """A proposal, an acceptance or a revocation, as the peers service would have brought it."""
    return Taken(state=await node.agreements.taken(request.note.encode()))


@router.get(
    "/{name}",
    summary="One agreement",
    dependencies=[Depends(ANALYST)],
    responses=answers("The agreement.", _AGREEMENT, NotFound, Conflict),
)
async def show(node: Node, name: Named) -> AgreementView:
    """Its whole text, its note, where it stands."""
    return await node.agreements.get(name)


@router.get(
    "/{name}/words",
    summary="One agreement in words",
    dependencies=[Depends(ANALYST)],
    response_class=Response,
    responses=answers(
        "All of it, for people.",
        'Agreement 7f3a "abuse sharing 2026" ...',
        NotFound,
        Conflict,
        media="text/plain",
    ),
)
async def words(node: Node, name: Named) -> Response:
    """What a person reads before accepting, with the full runs that a period allows."""
    return Response(await node.agreements.text_for_people(name), media_type="text/plain")


@router.post(
    "/{name}/accept",
    summary="Accept an agreement",
    dependencies=[Depends(OPERATOR)],
    responses=answers(
        "In force, and sent back.", _AGREEMENT, InvalidSignature, NotFound, Conflict, NodeRefusing
    ),
)
async def accept(node: Node, name: Named, send: Send = True) -> AgreementView:
    """Show a person its words first. One that is in force already is sent again."""
    return await node.agreements.accept(name, send=send)


@router.post(
    "/{name}/send",
    summary="Send an agreement again",
    dependencies=[Depends(OPERATOR)],
    responses=answers("The agreement, and what the other node said.", _AGREEMENT, NotFound, Conflict),
)
async def send_again(node: Node, name: Named) -> AgreementView:
    """Hands the newest note to the other node: the proposal, the acceptance or the revocation."""
    return await node.agreements.send(name)


@router.post(
    "/{name}/revoke",
    summary="Revoke an agreement",
    dependencies=[Depends(OPERATOR)],
    responses=answers("Revoked.", _REVOKED, InvalidText, NotFound, Conflict, NodeRefusing),
)
async def revoke(node: Node, name: Named, request: RevocationRequest, send: Send = True) -> AgreementView:
    """Ends it at once, or declines a proposal. Either lab may, alone."""
    return await node.agreements.revoke(name, request.reason, send=send)
