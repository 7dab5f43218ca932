"""`/v1/status`: how the node is, on one page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import NotFound
from psi_core.kinds.registry import PROFILE
from psi_service.http_api.access import ANYONE
from psi_service.http_api.answers import answers
from psi_service.http_api.log import LogState
from psi_service.http_api.services import Services, services_of

router = APIRouter(prefix="/v1/status", tags=["status"], dependencies=[Depends(ANYONE)])
Node = Annotated[Services, Depends(services_of)]

_STATUS = {
    "lab": "lab-a.example",
    "version": "0.1.0",
    "address": "psi.lab-a.example:7443",
    "profile": "v1",
    "consortium": "abuse sharing",
    "consortium_key_id": "3b9f0c2a77d1e845",
    "peers": 1,
    "waiting_invites": 0,
    "waiting_agreements": 1,
    "log": {"origin": "lab-a.example/psi-log", "size": 218, "refusal": None},
}


class Status(BaseModel):
    """How the node is."""

    model_config = ConfigDict(frozen=True)

    lab: str
    version: str
    address: str = Field(description="What peers dial, as the card says.")
    profile: str = Field(description="The normalisation profile.")
    consortium: str | None = Field(description="The consortium's name; null: in none.")
    consortium_key_id: str | None
    peers: int = Field(description="Pinned labs.")
    waiting_invites: int = Field(description="Invites that wait for somebody here.")
    waiting_agreements: int = Field(description="Proposals that wait for somebody here.")
    log: LogState


@router.get("", summary="How the node is", responses=answers("The node's state.", _STATUS))
async def status(node: Node) -> Status:
    """What waits for a person, and why the node refuses to sign if it does."""
    try:
        current = await node.consortium.current()
        name, key_id = current.name, current.key_id
    except NotFound:
        name, key_id = None, None
    return Status(
        lab=node.lab,
        version=node.version,
        address=node.card.card.address,
        profile=PROFILE,
        consortium=name,
        consortium_key_id=key_id,
        peers=len(node.peers.list()),
        waiting_invites=len(await node.consortium.waiting()),
        waiting_agreements=len(await node.agreements.list(state="waiting")),
        log=LogState(origin=node.log.origin, size=node.log.size, refusal=node.log.refusal),
    )
