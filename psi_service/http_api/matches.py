"""`/v1/matches`: own actors that a peer suspects too. Values are in an answer only when the request brought them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import InvalidMatchKey, NodeRefusing, NotFound
from psi_core.log.signed_text import Hex16, LabName
from psi_service.http_api.access import ANALYST
from psi_service.http_api.answers import answers
from psi_service.http_api.services import Services, services_of
from psi_service.matches.views import MatchedValues, MatchRow, Matrix, OwnValue, RuleView, Status
from psi_service.tokens import TokenView

PREFIX = "/v1/matches"
VALUES_PATH = f"{PREFIX}/values"
VALUES_BYTES = 64 << 20
"""The largest list of own values in one request."""

router = APIRouter(prefix=PREFIX, tags=["matches"], dependencies=[Depends(ANALYST)])
Node = Annotated[Services, Depends(services_of)]
Caller = Annotated[TokenView, Depends(ANALYST)]

_LABELS = {"severity": "high", "campaign": "silver fox", "first_seen": "2026-01-19"}
_KEY = {
    "match_key": "email",
    "matched": 1,
    "total": 2,
    "shared": 1,
    "status": "to review",
    "new": True,
    "labels": _LABELS,
}
_ROW = {
    "actor": "acct-00017",
    "peer": "lab-b.example",
    "matched": ["email", "card", "iban"],
    "of": 5,
    "strength": "strong",
    "why": ["two or more independent kinds matched"],
    "first_seen": "2026-02-03T00:00:00Z",
    "last_seen": "2026-10-30T00:00:00Z",
    "tlp": "amber",
    "status": "to review",
    "new": True,
    "labels": _LABELS,
    "match_keys": [_KEY],
}
_MATRIX = {
    "match_keys": ["card", "email"],
    "peers": [{"peer": "lab-b.example", "actors": 412, "by_match_key": {"card": 120, "email": 390}}],
}
_EXPORTED = {
    "actor": "acct-00017",
    "peer": "lab-b.example",
    "matched": "email; card; iban",
    "peer_severity": "high",
}
_OWN = {"actor": "acct-00017", "kind": "email", "value": "ada@example.org"}
_VALUES = {"values": [{**_OWN, "peer": "lab-b.example", "match_keys": ["email"]}], "unread": 0}
_RULES = [{"strength": "strong", "words": "two or more independent kinds matched"}]


class ActorMatches(BaseModel):
    """Whose matches to show."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reference": "acct-00017"}})

    reference: str = Field(max_length=1000, description="The actor's reference, as it was imported.")


class Mark(BaseModel):
    """What an analyst found out about a match."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"reference": "acct-00017", "peer": "lab-b.example", "status": "false positive"}
        },
    )

    reference: str = Field(max_length=1000, description="The actor's reference, as it was imported.")
    peer: LabName
    status: Status
    match_key: str | None = Field(
        None, max_length=200, description="Left out: every match key of theirs that matched."
    )


class Export(BaseModel):
    """What to export."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"peer": "lab-b.example"}})

    peer: LabName | None = None
    session: Hex16 | None = None
    status: Status | None = None


class OwnValues(BaseModel):
    """Rows of the lab's own file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"rows": [{**_OWN}]}})

    rows: list[OwnValue]
    peer: LabName | None = None
    region: str | None = Field(None, description="Two letters: whose national telephone numbers are meant.")
    include_false_positives: bool = False


@router.get(
    "", summary="Matches", responses=answers("One row for each own actor and peer.", [_ROW], NotFound)
)
async def list_matches(
    node: Node,
    peer: LabName | None = None,
    session: Annotated[Hex16 | None, Query(description="Only what this session matched.")] = None,
    status: Status | None = None,
    include_false_positives: bool = False,
    only_new: Annotated[bool, Query(description="Only what no earlier session had.")] = False,
) -> tuple[MatchRow, ...]:
    """Strongest first, false positives left out. A match is a lead to look into, not a verdict."""
    return await node.matches.list(
        peer=peer,
        session=session,
        status=status,
        include_false_positives=include_false_positives,
        only_new=only_new,
    )


@router.post(
    "/show", summary="One actor's matches", responses=answers("A row for each peer.", [_ROW], NotFound)
)
async def show(node: Node, request: ActorMatches) -> tuple[MatchRow, ...]:
    """False positives too."""
    return await node.matches.show(request.reference)


@router.post(
    "/mark",
    summary="Say what a match came to",
    responses=answers("The row as it is now.", _ROW, NotFound, InvalidMatchKey),
)
async def mark(node: Node, request: Mark) -> MatchRow:
    """A false positive is not shown again for this actor, peer and match key."""
    return await node.matches.mark(request.reference, request.peer, request.status, request.match_key)


@router.get("/matrix", summary="Peers by match keys", responses=answers("Counts of own actors.", _MATRIX))
async def matrix(node: Node) -> Matrix:
    """How many own actors matched with each peer, in all and under each match key."""
    return await node.matches.matrix()


@router.get("/rules", summary="How strength is judged", responses=answers("In their order.", _RULES))
async def rules(node: Node) -> tuple[RuleView, ...]:
    """The whole table of rules, in words."""
    return node.matches.rules()


@router.post(
    "/export",
    summary="Matches for a file",
    responses=answers("Rows of a CSV file.", [_EXPORTED], NotFound, NodeRefusing),
)
async def export(node: Node, caller: Caller, request: Export) -> list[dict[str, str]]:
    """The log notes which token took them, not how many."""
    found = await node.matches.export(
        by_token(caller), peer=request.peer, session=request.session, status=request.status
    )
    return list(found)


@router.post(
    "/values",
    summary="Which own values matched",
    responses=answers("Those of the rows that matched.", _VALUES, NotFound, NodeRefusing),
)
async def values(node: Node, caller: Caller, request: OwnValues) -> MatchedValues:
    """The node stores no values: bring the lab's own file, and it tells which of its rows matched."""
    return await node.matches.values(
        by_token(caller),
        request.rows,
        peer=request.peer,
        region=request.region,
        include_false_positives=request.include_false_positives,
    )


def by_token(token: TokenView) -> str:
    """How the log names who asked: by pseudonym."""
    return f"token {token.id}"
