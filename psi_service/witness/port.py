"""The witness's HTTP port: POST /add-checkpoint, and nothing else. Put TLS before it when it leaves this machine."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from psi_core.log.witness import MAX_REQUEST
from psi_service.witness.counter import Counter


def build_witness(counter: Counter) -> Starlette:
    """The application of one witness."""

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_REQUEST:
                return Response("the request is too long\n", status_code=413)
        answer = await counter.add_checkpoint(body)
        return Response(answer.body, status_code=answer.status, headers={"content-type": answer.media_type})

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])
