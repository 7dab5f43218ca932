"""`/v1/sessions`: `psi match` starts one here and follows it; `psi sessions` looks back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import (
    Conflict,
    NodeRefusing,
    NotFound,
    PeerError,
    PeerUnreachable,
    ProtocolFault,
    Refused,
    SessionError,
)
from psi_core.log.signed_text import Hex16, LabName
from psi_core.session.opening import Direction, Reveal
from psi_service.http_api.access import ANALYST
from psi_service.http_api.answers import answers
from psi_service.http_api.services import Services, services_of
from psi_service.sessions.progress import PHASES, Progress
from psi_service.sessions.views import SessionView
from psi_service.sessions.widest import widest

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], dependencies=[Depends(ANALYST)])
Node = Annotated[Services, Depends(services_of)]
SessionId = Annotated[
    Hex16, Path(description="16 bytes in hex.", examples=["8f0c3d5ee1f94c52a0f2a4f1b6d3c7e9"])
]

MAX_WAIT_SECONDS = 30
_LOOK_SECONDS = 0.05

_LANE = {"match_key": "email", "engine": "openmined", "own_size": 5120, "peer_size": 5120, "matched": 211}
_SESSION = {
    "session_id": "8f0c3d5ee1f94c52a0f2a4f1b6d3c7e9",
    "agreement": "7f3a" * 16,
    "peer": "lab-b.example",
    "role": "initiator",
    "state": "complete",
    "direction": "both",
    "reveal": "items",
    "period": 3,
    "counter": 12,
    "started": "2026-11-24T09:30:00Z",
    "finished": "2026-11-24T09:30:04Z",
    "reason": None,
    "late": False,
    "lanes": [_LANE],
    "actors": 211,
    "new_actors": 9,
}
_STANDING = {
    "over": False,
    "phase": "opening",
    "step": 6,
    "steps": 13,
    "runs_done": 1,
    "runs_total": 10,
    "bytes_sent": 1048576,
    "bytes_received": 524288,
    "seconds": 0.8,
    "session": None,
}
_FAULTS = (NotFound, Conflict, Refused, PeerError, PeerUnreachable, ProtocolFault, SessionError, NodeRefusing)


class SessionRequest(BaseModel):
    """What to match, and with whom."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"lab": "lab-b.example"}})

    lab: LabName = Field(description="The pinned lab to match with.")
    agreement: str | None = Field(
        None,
        description="The agreement's hash, or its beginning; left out: the only one in force with that lab.",
    )
    direction: Direction | None = Field(
        None, description="Who learns; left out: everyone whom the agreement lets learn."
    )
    reveal: Reveal = "items"
    match_keys: list[str] | None = Field(
        None, min_length=1, max_length=16, description="Lanes to run; left out: every agreed match key."
    )
    engine: Literal["auto", "openmined", "oprf", "vole"] = Field(
        "auto", description="`auto` chooses for each lane from the agreement's list."
    )


class Standing(BaseModel):
    """Where a session stands that somebody waits for."""

    over: bool = Field(description="Whether it has ended; `session` says how.")
    phase: str | None = Field(None, description="The step it is in, while it runs.")
    step: int = Field(0, description="The number of that step, from 1.")
    steps: int = len(PHASES)
    runs_done: int = Field(0, description="Engine runs that are through.")
    runs_total: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    resumed_at: int | None = Field(
        None, description="Of a session that was suspended and goes on: how much of it was done, in percent."
    )
    session: SessionView | None = Field(None, description="The session, once it is over.")

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """A session that runs."""
        return cls(
            over=False,
            phase=progress.phase,
            step=PHASES.index(progress.phase) + 1 if progress.phase else 0,
            runs_done=progress.runs_done,
            runs_total=progress.runs_total,
            bytes_sent=progress.bytes_sent,
            bytes_received=progress.bytes_received,
            seconds=progress.seconds(),
            resumed_at=progress.resumed_at,
        )


class Started(BaseModel):
    """A session that has begun."""

    session_id: Hex16


@router.post(
    "",
    status_code=202,
    summary="Start a session",
    responses=answers(
        "It runs in the background; follow it by its id.",
        {"session_id": _SESSION["session_id"]},
        *_FAULTS,
        status=202,
    ),
)
async def start(node: Node, request: SessionRequest) -> Started:
    """Dial a pinned lab under an agreement in force, one lane for each match key.

    A suspended session that is just what is asked for goes on instead, under its own id.
    """
    agreement = await node.agreements.in_force(request.lab, request.agreement)
    session_id = await node.sessions.start(
        request.lab,
        agreement=agreement.hash().hex(),
        direction=request.direction or widest(agreement, node.lab),
        reveal=request.reveal,
        match_keys=request.match_keys,
        engine=request.engine,
    )
    return Started(session_id=session_id)


@router.get("", summary="Sessions, newest first", responses=answers("The newest sessions.", [_SESSION]))
async def list_sessions(
    node: Node, peer: LabName | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> list[SessionView]:
    """Sessions of either role, with one peer or all."""
    return await node.sessions.list(peer=peer, limit=limit)


@router.get("/{session_id}", summary="One session", responses=answers("Where it stands.", _SESSION, *_FAULTS))
async def show(node: Node, session_id: SessionId) -> SessionView:
    """Phase, sizes, bytes; what it matched, once the record has both signatures."""
    return await node.sessions.get(session_id)


@router.post(
    "/{session_id}/give-up",
    summary="Give a suspended session up",
    responses=answers("The session, aborted.", {**_SESSION, "state": "aborted"}, *_FAULTS),
)
async def give_up(node: Node, session_id: SessionId) -> SessionView:
    """It is aborted here at once, and at the peer when that can be reached; its debit stays."""
    return await node.sessions.give_up(session_id)


@router.post(
    "/{session_id}/wait",
    summary="Wait for a session",
    responses=answers("Where it stands.", _STANDING, *_FAULTS),
)
async def wait(
    node: Node,
    session_id: SessionId,
    seconds: Annotated[float, Query(gt=0, le=MAX_WAIT_SECONDS, description="How long to wait at most.")] = 25,
    seen: Annotated[str, Query(max_length=20, description="The phase that is known; left out: none.")] = "",
) -> Standing:
    """Answers when the session is over, when it enters another phase than `seen`, or after `seconds`."""
    over = asyncio.ensure_future(node.sessions.wait(session_id))
    ends = asyncio.get_running_loop().time() + seconds
    try:
        while not over.done():
            await asyncio.wait([over], timeout=_LOOK_SECONDS)
            progress = node.sessions.phase(session_id)
            late = asyncio.get_running_loop().time() >= ends
            if not over.done() and progress is not None and (late or (progress.phase or "") != seen):
                return Standing.of(progress)
        return Standing(over=True, session=await over)
    finally:
        over.cancel()
