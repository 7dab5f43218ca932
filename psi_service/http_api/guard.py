"""Before any route: for whom a request was meant, whence it came, how much it sends, what leaks if it fails.

A page in a browser can make the browser call 127.0.0.1, or rebind its own name to it. Both are refused here:
`Host` must be a name of this node, and `Origin`, which browsers add and commands do not, must be the node
itself. There is no cookie and no CORS header anywhere, so a foreign page could not read an answer either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from psi_core.errors import AccessDenied, StoreError
from psi_service.address import Address
from psi_service.http_api import problems

MAX_BODY = 256 * 1024  # every JSON body; a signed note is at most 64 KiB
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 -- names it, binds nothing
# Answers name actors and show new tokens: no browser or proxy keeps them.
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_OWN_PORTS = {"http": 80, "https": 443}


class Guard:
    """ASGI middleware around the whole API.

    `names` are the values of Host that this node answers to, as `names_of` gives them; `large` has the paths
    whose body may be larger than MAX_BODY, and how large, in bytes.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], large: Mapping[str, int]) -> None:
        self._app = app
        self._names = names
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        try:
            self._check_sender(Headers(scope=scope), scope["scheme"])
            limit = self._large.get(scope["path"], MAX_BODY)
            await self._app(scope, _limited(receive, Headers(scope=scope), limit), sending)
        except AccessDenied as error:
            await problems.answer(error)(scope, receive, send)
        except asyncio.CancelledError:
            # Only the server's own stop cancels a request, when it has waited long enough.
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            if not started:
                await problems.answer(StoreError("the node is stopping; ask again later"))(
                    scope, receive, send
                )
        except Exception as error:  # noqa: BLE001 -- the edge: what nobody foresaw ends here, unread by the caller
            response = problems.unexpected(scope["path"], error)
            if not started:
                await response(scope, receive, send)

    def _check_sender(self, headers: Headers, scheme: str) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._names:
            raise AccessDenied("this node is not called by that name; add it to admin_hosts if it should be")
        for origin in headers.getlist("origin"):
            origin_scheme, _, name = origin.lower().partition("://")
            if origin_scheme != scheme or name not in self._names:
                raise AccessDenied("a page of another site may not call this node")


def names_of(listen: Address, further: Iterable[str], scheme: str) -> frozenset[str]:
    """The values of Host (lower case) by which a node that listens on `listen` may be called.

    A name without a port in `further` stands for the port it listens on. Browsers and clients leave a
    scheme's own port out, so that form counts too.
    """
    own = str(Address(listen.host, 0)).removesuffix(":0")
    # Who listens on every address listens on loopback too.
    local = _LOOPBACK_NAMES if listen.is_loopback or listen.host in _EVERY_ADDRESS else ()
    names = set()
    for name in (own, *local, *further):
        host, colon, port = name.lower().rpartition(":")
        if not (colon and port.isdigit()) or name.endswith("]"):
            host, port = name.lower(), str(listen.port)
        names.add(f"{host}:{port}")
        if int(port) == _OWN_PORTS[scheme]:
            names.add(host)
    return frozenset(names)


def _limited(receive: Receive, headers: Headers, limit: int) -> Receive:
    """Count what arrives: refuse at once when more is announced, and as soon as more has come."""
    got = 0

    async def counting() -> Message:
        nonlocal got
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            raise _too_large(limit)
        message = await receive()
        got += len(message.get("body", b""))
        if got > limit:
            raise _too_large(limit)
        return message

    return counting


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is larger than {limit:,} bytes; send less at a time")
