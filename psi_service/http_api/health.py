"""`/health`: for whatever watches the process (systemd, an orchestrator, a load balancer). It needs no token.

It says one word, so there is nothing here for a stranger to learn; the guard's rules on Host and Origin hold.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from psi_service.http_api.services import Services, services_of

# Not in the OpenAPI document, which is about what a token opens.
router = APIRouter(prefix="/health", include_in_schema=False)
Node = Annotated[Services, Depends(services_of)]


@router.get("/live")
async def live() -> Response:
    """The process answers."""
    return JSONResponse({"status": "live"})


@router.get("/ready")
async def ready(node: Node) -> Response:
    """Sessions can run, or 503: store, log or ports are not in order."""
    if await node.readiness.ready():
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not ready"}, HTTPStatus.SERVICE_UNAVAILABLE)
