"""`/metrics`: for Prometheus, with a token of an operator or auditor, or, if the settings say so, from this machine."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from psi_service.http_api.access import AUDITOR, bearer, caller
from psi_service.http_api.services import Services, services_of
from psi_service.metrics.metrics import CONTENT_TYPE

# Prometheus' own format, not a part of the API that the OpenAPI document describes.
router = APIRouter(include_in_schema=False)
Node = Annotated[Services, Depends(services_of)]


async def admitted(
    node: Node, request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> None:
    """Raise Unauthenticated or AccessDenied for whoever may not read the figures."""
    if not (node.open_metrics and _on_this_machine(request)):
        AUDITOR(await caller(node, given))


@router.get("/metrics", dependencies=[Depends(admitted)])
async def metrics(node: Node) -> Response:
    """Figures: no sizes of lists, no counts of matches."""
    return Response(await node.metrics.page(), media_type=CONTENT_TYPE)


def _on_this_machine(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
