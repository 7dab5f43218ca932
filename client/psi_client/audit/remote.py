"""A log at a URL, fetched file by file into a folder and audited as any other: whoever serves it is not trusted.

The URL is that of a log in the layout of c2sp.org/tlog-tiles, or of a node's admin port, for which a profile holds an
auditor's token. Nothing is asked for until the checkpoint is signed by a key of KEYS: it bounds how much there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from psi_client.log_download import ENTRIES, LogDownload, paths
from psi_client.profile import Profile, is_loopback
from psi_client.rest import tls_of
from psi_core.errors import (
    AccessDenied,
    InvalidConfiguration,
    NotFound,
    PeerUnreachable,
    ProtocolFault,
    VerificationError,
)
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import ED25519, Verifier
from psi_core.log.note import MAX_NOTE, Note
from psi_core.log.tiles import MAX_BUNDLE, TILE_WIDTH
from psi_core.log.tree import HASH_LENGTH

MOST_BYTES = 64 << 30
"""Of one log; a lab that serves more than this signed for it."""
_FEWEST_BYTES = 8 << 10
"""What a file counts for at least: empty ones without end would fill the disk too."""
_OF_A_NODE = "/v1/log"
_SECONDS = 60.0
"""How long a server may take for a file, and be silent."""
_SLOWEST = 4 << 10
"""Bytes a second of what is longer: a server that lets a file drip would hold the audit up for days."""


def is_url(name: str) -> bool:
    """Whether an argument names a log by URL, not by folder."""
    return name.startswith(("https://", "http://"))


class RemoteLog:
    """The log at `url`; `profiles` may hold the token for it. Use it in a `with` block."""

    def __init__(
        self,
        url: str,
        profiles: Sequence[Profile] = (),
        *,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_url(url)
        profile = next((each for each in profiles if f"{url.rstrip('/')}/".startswith(f"{each.url}/")), None)
        at_root = profile is not None and url.rstrip("/") == profile.url
        self._base = url.rstrip("/") + (_OF_A_NODE if at_root else "")
        token = {} if profile is None else {"Authorization": f"Bearer {profile.token.get_secret_value()}"}
        self._bytes = 0
        self._clock = clock
        self._http = httpx2.Client(
            headers={"Accept-Encoding": "identity"} | token,
            verify=True if profile is None else tls_of(profile.ca),
            timeout=_SECONDS,
            follow_redirects=False,
            trust_env=False,  # a proxy named in the environment would be handed the token
            transport=transport,
        )

    def __enter__(self) -> RemoteLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def fetch_into(self, folder: Path, verifiers: Sequence[Verifier]) -> LogDownload:
        """Write the log's files below the empty `folder`; what is missing there is for the audit to tell.

        Raises VerificationError when no key of `verifiers` signed its checkpoint, PeerUnreachable, ProtocolFault,
        AccessDenied, NotFound, InvalidNote, InvalidCheckpoint.
        """
        note = self._fetch("checkpoint", MAX_NOTE)
        parsed = Note.parse(note)
        head = Checkpoint.parse(parsed.text)
        known = [each for each in verifiers if each.name == head.origin and each.type is ED25519]
        if not known:
            raise VerificationError(
                f"{self._base} serves {head.origin}, of which KEYS has no key: nothing was fetched"
            )
        parsed.verified_by(*known)
        files = 1
        for path in paths(head.size):
            is_bundle = path.startswith(ENTRIES)
            try:
                content = self._fetch(path, MAX_BUNDLE if is_bundle else HASH_LENGTH * TILE_WIDTH)
            except NotFound:
                if is_bundle:
                    break
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            files += 1
        with suppress(NotFound):
            (folder / "cosigned").write_bytes(self._fetch("cosigned", MAX_NOTE))
            files += 1
        (folder / "checkpoint").write_bytes(note)
        return LogDownload(head.origin, head.size, files, folder)

    def _fetch(self, path: str, limit: int) -> bytes:
        url = f"{self._base}/{path}"
        found, begun = bytearray(), self._clock()
        try:
            with self._http.stream("GET", url) as response:
                _check_status(response, url)
                for part in response.iter_bytes():
                    found += part
                    if len(found) > limit:
                        raise ProtocolFault(f"{url} is longer than {limit:,} bytes")
                    if (self._clock() - begun - _SECONDS) * _SLOWEST > len(found):
                        raise PeerUnreachable(
                            f"{url} comes at less than {_SLOWEST:,} bytes a second: it was given up"
                        )
        except (httpx2.HTTPError, httpx2.InvalidURL) as failure:
            raise PeerUnreachable(f"{url} cannot be fetched ({type(failure).__name__})") from failure
        self._bytes += max(len(found), _FEWEST_BYTES)
        if self._bytes > MOST_BYTES:
            raise ProtocolFault(f"{self._base} serves more than {MOST_BYTES:,} bytes")
        return bytes(found)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.query or parts.fragment or parts.username or parts.password:
        raise InvalidConfiguration(f"{url} is no URL of a log, such as https://lab-a.example/psi-log")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidConfiguration(
            f"{url} is http and not loopback: the log would travel in the clear; use https"
        )


def _check_status(response: httpx2.Response, url: str) -> None:
    if response.status_code == httpx2.codes.NOT_FOUND:
        raise NotFound(f"there is no {url}")
    if response.status_code in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
        raise AccessDenied(f"{url} needs a token of the role auditor: name its profile with --profile")
    if response.status_code != httpx2.codes.OK:
        raise ProtocolFault(f"{url} answered with the HTTP status {response.status_code}")
    # Unpacked, a few bytes could become a memory full before anything is counted.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ProtocolFault(f"{url} is served compressed, which was not asked for")
