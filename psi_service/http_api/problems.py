"""The one place where an error becomes an HTTP answer: `application/problem+json` (RFC 9457).

`code` is the error's own slug, so that a client can raise the same class again; `detail` is its sentence.
What a class carries besides (a rule, a fault, a kind) travels as members of its name. Anything that is not
of psi_core.errors' tree becomes a 500 that says nothing about it: the node's own journal has the place,
under the number that the answer gives.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from psi_core import errors
from psi_service.watching.journal import places

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 20
"""Faults of one request that are told."""
_TYPE = "urn:psi:problem:"
_journal = structlog.get_logger(__name__)


class Problem(NamedTuple):
    """How one class of errors is answered."""

    status: HTTPStatus
    title: str


PROBLEMS: Mapping[type[errors.PsiError], Problem] = {
    errors.PsiError: Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The node could not do this"),
    errors.InputError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not right"),
    errors.InvalidIndicator: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A value is not of its kind"),
    errors.InvalidMatchKey: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The match key is not right"),
    errors.InvalidText: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The signed text is not right"),
    errors.InvalidConfiguration: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A setting is not right"),
    errors.NotFound: Problem(HTTPStatus.NOT_FOUND, "There is no such thing"),
    errors.Conflict: Problem(HTTPStatus.CONFLICT, "The state does not allow this"),
    errors.AccessDenied: Problem(HTTPStatus.FORBIDDEN, "You may not do this"),
    errors.Unauthenticated: Problem(HTTPStatus.UNAUTHORIZED, "A valid token is needed"),
    errors.VerificationError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A check did not hold"),
    errors.InvalidNote: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The signed note is malformed"),
    errors.InvalidSignature: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A signature is wrong or missing"),
    errors.InvalidProof: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A Merkle proof does not hold"),
    errors.InvalidCheckpoint: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A checkpoint does not hold"),
    errors.InvalidCertificate: Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The certificate has the wrong shape"
    ),
    errors.Refused: Problem(HTTPStatus.CONFLICT, "A policy refused this"),
    errors.PeerError: Problem(HTTPStatus.BAD_GATEWAY, "The peer did something wrong"),
    errors.PeerUnreachable: Problem(HTTPStatus.GATEWAY_TIMEOUT, "The peer could not be reached"),
    errors.ProtocolFault: Problem(HTTPStatus.BAD_GATEWAY, "The peer broke the protocol"),
    errors.SessionError: Problem(HTTPStatus.BAD_GATEWAY, "The session could not go on"),
    errors.SessionAborted: Problem(HTTPStatus.BAD_GATEWAY, "The session was ended"),
    errors.CanaryFault: Problem(HTTPStatus.BAD_GATEWAY, "The session's canaries came out wrong"),
    errors.TranscriptMismatch: Problem(HTTPStatus.BAD_GATEWAY, "The two labs saw different bytes"),
    errors.EngineFault: Problem(HTTPStatus.BAD_GATEWAY, "The engine refused its input"),
    errors.WorkerDied: Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "An engine's process ended"),
    errors.StoreError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The node's state does not allow this"),
    errors.StoreLocked: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Another process owns the store"),
    errors.NodeRefusing: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The node signs nothing until it is mended"),
}

# What an error carries beside its sentence, by class; psi_client.node_client rebuilds the error from these.
MEMBERS: Mapping[type[errors.PsiError], tuple[str, ...]] = {
    errors.InvalidIndicator: ("kind", "reason"),
    errors.Refused: ("rule", "words", "by"),
    errors.PeerUnreachable: ("fault",),
}

# Faults of HTTP itself. The slug is what psi_client.node_client looks up.
_HTTP_CODES: Mapping[int, type[errors.PsiError]] = {
    HTTPStatus.UNAUTHORIZED: errors.Unauthenticated,
    HTTPStatus.FORBIDDEN: errors.AccessDenied,
    HTTPStatus.NOT_FOUND: errors.NotFound,
}


def answer(error: errors.PsiError) -> JSONResponse:
    """The answer to an error of the tree."""
    kind = next(cls for cls in type(error).__mro__ if issubclass(cls, errors.PsiError) and cls in PROBLEMS)
    status, title = PROBLEMS[kind]
    members = {name: getattr(error, name) for name in MEMBERS.get(kind, ())}
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return _response(status, title, error.message, kind.code, members, headers)


def unexpected(request_path: str, error: Exception) -> JSONResponse:
    """The answer to an error that nobody foresaw: a number, and nothing of the error.

    The journal gets the error's type and the places in the code, without its message and without the values
    of variables: either may hold an indicator.
    """
    number = secrets.token_hex(4)
    kind = type(error).__qualname__
    _journal.error("unexpected error", number=number, path=request_path, type=kind, places=places(error))
    status, title = PROBLEMS[errors.PsiError]
    detail = f"the node met an error that it did not expect; its journal names the place under {number}"
    return _response(status, title, detail, errors.PsiError.code, {"number": number}, None)


def install(app: FastAPI) -> None:
    """Answer every error of `app` as problem+json."""

    @app.exception_handler(errors.PsiError)
    async def of_the_tree(_: Request, error: errors.PsiError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def of_validation(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"where": _where(fault["loc"]), "what": fault["msg"]} for fault in error.errors()[:MAX_FAULTS]
        ]
        detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
        status, title = PROBLEMS[errors.InputError]
        return _response(status, title, detail, errors.InputError.code, {"errors": faults}, None)

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        kind = _HTTP_CODES.get(status, errors.InputError if status < 500 else errors.PsiError)
        detail = _HTTP_WORDS.get(status, str(error.detail))
        return _response(status, status.phrase, detail, kind.code, {}, error.headers)


_HTTP_WORDS: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "the node has no such page; /v1/openapi.json lists those that it has",
    HTTPStatus.METHOD_NOT_ALLOWED: "this page takes other methods; the header Allow names them",
}


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _response(
    status: HTTPStatus,
    title: str,
    detail: str,
    code: str,
    members: Mapping[str, Any],
    headers: Mapping[str, str] | None,
) -> JSONResponse:
    body = {"type": f"{_TYPE}{code}", "title": title, "status": int(status), "detail": detail, "code": code}
    return JSONResponse({**body, **members}, int(status), headers, media_type=MEDIA_TYPE)
