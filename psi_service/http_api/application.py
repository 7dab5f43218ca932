"""The admin port's application: every room's routes, behind one guard, with one form of error."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI

from psi_service.http_api import (
    actors,
    agreements,
    consortium,
    erasure,
    health,
    imports,
    jobs,
    log,
    matches,
    metrics,
    peers,
    problems,
    sessions,
    status,
    tokens,
)
from psi_service.http_api.answers import DescribedApi
from psi_service.http_api.guard import Guard
from psi_service.http_api.services import Services

ROOMS = (
    status,
    imports,
    actors,
    erasure,
    peers,
    consortium,
    agreements,
    sessions,
    jobs,
    matches,
    log,
    tokens,
)
_DESCRIPTION = """
What a lab's own people and programs ask their node to do. Send `Authorization: Bearer` with a token of the node.
Every error is `application/problem+json` with a stable `code`.
"""


def build_api(services: Services, names: Iterable[str], max_import_bytes: int) -> FastAPI:
    """The application. `names` are the values of Host that it answers to (guard.names_of)."""
    app = DescribedApi(
        title="psi node",
        version=services.version,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from other hosts
        redoc_url=None,
    )
    app.state.services = services
    problems.install(app)
    for room in ROOMS:
        app.include_router(room.router)
    for page in (health, metrics):
        app.include_router(page.router)
    large = {imports.PATH: max_import_bytes, matches.VALUES_PATH: matches.VALUES_BYTES}
    app.add_middleware(Guard, names=frozenset(names), large=large)
    return app
