"""`/v1/card` and `/v1/peers`: our own card, the labs that are pinned, and whether they can be reached."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import (
    Conflict,
    InvalidCertificate,
    InvalidNote,
    InvalidSignature,
    InvalidText,
    NodeRefusing,
    NotFound,
)
from psi_core.identity.card import Card, in_fours
from psi_core.log.note import MAX_NOTE
from psi_core.log.signed_text import LabName
from psi_service.http_api.access import ANALYST, OPERATOR
from psi_service.http_api.answers import answers, nothing
from psi_service.http_api.services import Services, services_of
from psi_service.peers.probe import ProbeResult

router = APIRouter(tags=["peers"])
Node = Annotated[Services, Depends(services_of)]
Lab = Annotated[LabName, Path(description="A lab's name.", examples=["lab-b.example"])]

_PEER = {
    "lab": "lab-b.example",
    "address": "psi.lab-b.example:7443",
    "fingerprint": "1a2b " * 15 + "1a2b",
    "certificate": "5e6f " * 15 + "5e6f",
}
_CARD = {**_PEER, "card": "psi-card/v1\n{...}\n\n— lab-b.example (signature)\n"}
_PROBE = {
    "lab": "lab-b.example",
    "fault": None,
    "words": "lab-b.example answers at psi.lab-b.example:7443 (version 0.1.0) and accepts this lab.",
    "mend": "",
}


class PeerView(BaseModel):
    """A lab as its card says."""

    model_config = ConfigDict(frozen=True)

    lab: str
    address: str = Field(description="What is dialled, host:port.")
    fingerprint: str = Field(
        description="SHA-256 of the card's text in 16 groups of four digits, to be read aloud."
    )
    certificate: str = Field(
        description="SHA-256 of the TLS certificate in the card, in such groups: what `psi peers test` compares."
    )

    @classmethod
    def of(cls, card: Card) -> Self:
        """What is shown of a card."""
        return cls(
            lab=card.lab,
            address=card.address,
            fingerprint=card.fingerprint_words(),
            certificate=in_fours(card.pin),
        )


class CardView(PeerView):
    """A card with its signed note."""

    card: str = Field(description="The signed note: what another lab is sent and pins.")


class PeerRequest(BaseModel):
    """A card to pin."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"card": _CARD["card"]}})

    card: str = Field(max_length=MAX_NOTE, description="The other lab's card, the whole note.")


@router.get(
    "/v1/card",
    summary="This node's card",
    dependencies=[Depends(ANALYST)],
    responses=answers("The card.", _CARD),
)
async def own_card(node: Node) -> CardView:
    """Send it to a lab that should pin this one, and read the fingerprint to its people."""
    return CardView(**PeerView.of(node.card.card).model_dump(), card=node.card.note.decode())


@router.get(
    "/v1/peers",
    summary="Pinned labs",
    dependencies=[Depends(ANALYST)],
    responses=answers("Labs by name.", [_PEER]),
)
async def list_peers(node: Node) -> list[PeerView]:
    """The labs that this node talks to."""
    return [PeerView.of(card) for card in node.peers.list()]


@router.post(
    "/v1/peers",
    status_code=201,
    summary="Pin a lab",
    dependencies=[Depends(OPERATOR)],
    responses=answers(
        "The lab is pinned.",
        _PEER,
        InvalidNote,
        InvalidText,
        InvalidSignature,
        InvalidCertificate,
        Conflict,
        NodeRefusing,
        status=201,
    ),
)
async def add_peer(node: Node, request: PeerRequest) -> PeerView:
    """Compare the fingerprint with what the other lab's people read aloud before you call this."""
    return PeerView.of(await node.peers.add(request.card.encode()))


@router.get(
    "/v1/peers/{lab}",
    summary="A pinned lab",
    dependencies=[Depends(ANALYST)],
    responses=answers("The lab.", _PEER, NotFound),
)
async def show_peer(node: Node, lab: Lab) -> PeerView:
    """Its address and its card's fingerprint."""
    return PeerView.of(node.peers.get(lab))


@router.delete(
    "/v1/peers/{lab}",
    status_code=204,
    summary="Pin a lab no longer",
    dependencies=[Depends(OPERATOR)],
    responses=nothing("It is no peer any more.", NotFound, NodeRefusing),
)
async def remove_peer(node: Node, lab: Lab) -> None:
    """New connections are refused and open calls end at once."""
    await node.peers.remove(lab)


@router.post(
    "/v1/peers/{lab}/test",
    summary="Test the way to a lab",
    dependencies=[Depends(ANALYST)],
    responses=answers("What was found; a fault is an answer, not an error.", _PROBE, NotFound),
)
async def test_peer(node: Node, lab: Lab) -> ProbeResult:
    """Names the first thing that is wrong: route, certificate, expiry, ours not accepted, clock, version, keys."""
    return await node.probe.test(lab)
