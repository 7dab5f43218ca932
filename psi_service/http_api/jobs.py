"""`/v1/jobs`: sessions on a timer. The operator makes them; an analyst looks at them and runs them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import ConfigDict, Field

from psi_core.errors import Conflict, NodeRefusing, NotFound
from psi_service.http_api.access import ANALYST, OPERATOR
from psi_service.http_api.answers import answers, nothing
from psi_service.http_api.matches import by_token
from psi_service.http_api.services import Services, services_of
from psi_service.http_api.sessions import MAX_WAIT_SECONDS, SessionRequest
from psi_service.jobs.on_new import OnNew
from psi_service.jobs.views import JobDetail, JobView, RunView
from psi_service.jobs.wishes import Wishes
from psi_service.tokens import TokenView

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Node = Annotated[Services, Depends(services_of)]
Operator = Annotated[TokenView, Depends(OPERATOR)]
Number = Annotated[int, Path(ge=1, le=2**53, description="The job's number.", examples=[3])]
_FOR_OPERATORS, _FOR_ANALYSTS = [Depends(OPERATOR)], [Depends(ANALYST)]

_SESSION = "8f0c3d5ee1f94c52a0f2a4f1b6d3c7e9"
_RUN = {
    "id": 41,
    "asked": False,
    "due": "2026-11-24T02:00:00Z",
    "covers": 1,
    "times": 1,
    "started": "2026-11-24T02:00:00Z",
    "finished": "2026-11-24T02:00:05Z",
    "state": "done",
    "code": None,
    "words": None,
    "attempts": 1,
    "session_id": _SESSION,
    "actors": 211,
    "new": 9,
    "new_in": [_SESSION],
    "matched": {"email": 220},
    "told": "told",
}
_JOB = {
    "id": 3,
    "peer": "lab-b.example",
    "agreement": None,
    "direction": None,
    "reveal": "items",
    "match_keys": None,
    "engine": "openmined",
    "cron": "0 3 * * *",
    "zone": "Europe/Berlin",
    "on_new": "https://hooks.lab-a.example",
    "created": "2026-11-01T09:30:00Z",
    "paused": None,
    "next_due": "2026-11-25T02:00:00Z",
    "running": False,
    "late": False,
    "dues": 23,
    "misfires": 1,
    "overlaps": 0,
    "last": _RUN,
}
_DETAIL = {**_JOB, "runs": [_RUN]}
_BEGUN = {**_RUN, "state": "running", "finished": None, "asked": True, "due": None, "covers": 0}


class JobRequest(SessionRequest):
    """A job to make: what a session is asked for, and when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"lab": "lab-b.example", "cron": "0 3 * * *", "zone": "Europe/Berlin"}},
    )

    cron: str = Field(
        max_length=200,
        description="Minute, hour, day of month, month, day of week; 0 and 7 are Sunday.",
        examples=["0 3 * * mon-fri"],
    )
    zone: str = Field("UTC", max_length=100, description="The IANA time zone that `cron` is in.")
    on_new: str | None = Field(
        None,
        max_length=2000,
        description="A command to run on the node's host when something is new, without a shell; counts are in "
        "PSI_JOB_* variables.",
    )
    on_new_url: str | None = Field(
        None, max_length=2000, description="An address to POST counts to when something is new."
    )

    def wishes(self) -> Wishes:
        """What is asked of each session."""
        return Wishes(
            peer=self.lab,
            agreement=self.agreement,
            direction=self.direction,
            reveal=self.reveal,
            match_keys=None if self.match_keys is None else tuple(dict.fromkeys(self.match_keys)),
            engine=self.engine,
        )


@router.post(
    "",
    status_code=201,
    summary="Make a job",
    dependencies=_FOR_OPERATORS,
    responses=answers("The job.", _JOB, NotFound, Conflict, NodeRefusing, status=201),
)
async def add_job(node: Node, caller: Operator, request: JobRequest) -> JobView:
    """Sessions with a pinned lab at the times of a cron expression, in a time zone."""
    on_new = OnNew.parse(request.on_new, request.on_new_url)
    return await node.jobs.add(by_token(caller), request.wishes(), request.cron, request.zone, on_new)


@router.get("", summary="Jobs", dependencies=_FOR_ANALYSTS, responses=answers("By number.", [_JOB]))
async def list_jobs(node: Node) -> tuple[JobView, ...]:
    """When each is due next, and how it ended last."""
    return await node.jobs.list()


@router.get(
    "/{number}",
    summary="One job",
    dependencies=_FOR_ANALYSTS,
    responses=answers("The job with its runs.", _DETAIL, NotFound),
)
async def show_job(node: Node, number: Number) -> JobDetail:
    """Its newest runs; those in a row that ended badly in the same way are one."""
    return await node.jobs.get(number)


@router.post(
    "/{number}/run",
    status_code=202,
    summary="Run a job now",
    dependencies=_FOR_ANALYSTS,
    responses=answers("The run that has begun.", _BEGUN, NotFound, Conflict, status=202),
)
async def run_job(node: Node, number: Number) -> RunView:
    """Also a paused one; its schedule stays as it is. Faults are not tried again."""
    return await node.jobs.run(number)


@router.post(
    "/{number}/wait",
    summary="Wait for a job's run",
    dependencies=_FOR_ANALYSTS,
    responses=answers("The job with its runs.", _DETAIL, NotFound),
)
async def wait_for_job(
    node: Node,
    number: Number,
    seconds: Annotated[float, Query(gt=0, le=MAX_WAIT_SECONDS, description="How long to wait at most.")] = 25,
) -> JobDetail:
    """Answers when no run of it is going on, or after `seconds`."""
    waiting = asyncio.ensure_future(node.jobs.wait(number))
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()
    return await node.jobs.get(number)


@router.post(
    "/{number}/pause",
    summary="Pause a job",
    dependencies=_FOR_OPERATORS,
    responses=answers(
        "The job.",
        {**_JOB, "paused": "2026-11-24T09:30:00Z", "next_due": None},
        NotFound,
        Conflict,
        NodeRefusing,
    ),
)
async def pause_job(node: Node, caller: Operator, number: Number) -> JobView:
    """It is not due any more. A run that is going on goes on."""
    return await node.jobs.pause(by_token(caller), number)


@router.post(
    "/{number}/resume",
    summary="Resume a job",
    dependencies=_FOR_OPERATORS,
    responses=answers("The job.", _JOB, NotFound, Conflict, NodeRefusing),
)
async def resume_job(node: Node, caller: Operator, number: Number) -> JobView:
    """It is due again from now on; what came while it was paused is no misfire."""
    return await node.jobs.resume(by_token(caller), number)


@router.delete(
    "/{number}",
    status_code=204,
    summary="Remove a job",
    dependencies=_FOR_OPERATORS,
    responses=nothing("It is gone, with its runs.", NotFound, NodeRefusing),
)
async def remove_job(node: Node, caller: Operator, number: Number) -> None:
    """What its sessions matched stays."""
    await node.jobs.remove(by_token(caller), number)
