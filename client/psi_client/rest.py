"""HTTP to a node's admin port: the token goes along, the node's errors come back as they were raised."""

from __future__ import annotations

import builtins
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import httpx2

from psi_client.problem import error_of
from psi_client.profile import Profile
from psi_core.errors import InputError, InvalidConfiguration, PeerUnreachable, PsiError

Json = dict[str, Any]
"""One object of the node's answer."""

FAULT = "admin-port"
"""PeerUnreachable.fault when the node itself does not answer."""

_TIMEOUT = httpx2.Timeout(60, connect=10)
_UPLOAD_TIMEOUT = httpx2.Timeout(None, connect=10)  # an import waits for its turn, and for the store
_PIECE = 1 << 16


class Rest:
    """One connection pool to one node. Every method raises the node's error, or PeerUnreachable (`admin-port`)."""

    def __init__(self, profile: Profile, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._url = profile.url
        self._http = httpx2.Client(
            base_url=profile.url,
            headers={"Authorization": f"Bearer {profile.token.get_secret_value()}"},
            verify=tls_of(profile.ca),
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,  # a proxy named in the environment would be handed the token
            transport=transport,
        )

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def get(self, path: str, **query: object) -> Json:
        """GET an object. Query values that are None are left out."""
        return cast(Json, self._json(self._send("GET", path, params=_query(query)), dict))

    def list(self, path: str, **query: object) -> builtins.list[Json]:
        """GET a list of objects."""
        return cast(
            builtins.list[Json], self._json(self._send("GET", path, params=_query(query)), builtins.list)
        )

    def post(self, path: str, body: Mapping[str, Any] | None = None, **query: object) -> Json:
        """POST an object and get one. Members that are None are left out."""
        return cast(Json, self._json(self._post(path, body, query), dict))

    def post_for_list(self, path: str, body: Mapping[str, Any]) -> builtins.list[Json]:
        """POST an object and get a list of them. Members that are None are left out."""
        return cast(builtins.list[Json], self._json(self._post(path, body, {}), builtins.list))

    def delete(self, path: str) -> Json:
        """DELETE; an empty object when the answer has no body."""
        response = self._send("DELETE", path)
        return cast(Json, self._json(response, dict)) if response.content else {}

    def text(self, path: str) -> str:
        """GET a text."""
        return self._send("GET", path).text

    def content(self, path: str) -> bytes:
        """GET bytes."""
        return self._send("GET", path).content

    def upload(
        self, path: str, file: Path, query: Sequence[tuple[str, str]], progress: Callable[[int], None] | None
    ) -> Json:
        """POST a file's bytes piece by piece and get an object. Raises InputError when the file cannot be read."""
        try:
            opened = file.open("rb")
        except OSError as error:
            raise InputError(f"{file} cannot be read ({error.strerror})") from None
        with opened:
            pieces = _pieces(iter(lambda: opened.read(_PIECE), b""), progress or (lambda _: None))
            response = self._send("POST", path, params=query, content=pieces, timeout=_UPLOAD_TIMEOUT)
        return cast(Json, self._json(response, dict))

    def _post(
        self, path: str, body: Mapping[str, Any] | None, query: Mapping[str, object]
    ) -> httpx2.Response:
        given = None if body is None else {name: value for name, value in body.items() if value is not None}
        return self._send("POST", path, params=_query(query), json=given)

    def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise PeerUnreachable(
                f"no node answers at {self._url} ({_reason(error)}): is `psi-node serve` running, and is this its "
                "admin port?",
                fault=FAULT,
            ) from error
        if response.is_error or response.is_redirect:
            raise error_of(response)
        return response

    def _json(self, response: httpx2.Response, kind: type) -> object:
        try:
            value: object = response.json()
        except ValueError:
            value = None
        if not isinstance(value, kind):
            raise PsiError(
                f"{self._url} answered with something that no psi node says; is it another service?"
            )
        return value


def tls_of(ca: Path | None) -> ssl.SSLContext | bool:
    """How a server's certificate is checked: by this root alone, or as the system does. Raises InvalidConfiguration."""
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca))
    except OSError as error:
        raise InvalidConfiguration(
            f"the profile's ca {ca} cannot be used ({error.strerror or 'no PEM file'})"
        ) from None


def _query(values: Mapping[str, object]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _pieces(read: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    for piece in read:
        yield piece
        sent += len(piece)
        progress(sent)


def _reason(error: httpx2.TransportError) -> str:
    return (
        "it took too long"
        if isinstance(error, httpx2.TimeoutException)
        else str(error) or type(error).__name__
    )
