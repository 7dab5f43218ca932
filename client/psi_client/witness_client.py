"""Asking an independent witness by URL for its cosignature (c2sp.org/tlog-witness, add-checkpoint)."""

from __future__ import annotations

import httpx2

from psi_core.errors import PeerUnreachable, ProtocolFault
from psi_core.log.key import Verifier
from psi_core.log.note import MAX_NOTE, Note
from psi_core.log.witness import AddCheckpoint, size_of_answer, with_cosignatures

SECONDS = 10.0
_STALE = 409


class WitnessClient:
    """One witness: the key that its cosignatures must have, and its submission prefix."""

    def __init__(self, key: Verifier, url: str) -> None:
        self.key = key
        self._url = f"{url.rstrip('/')}/add-checkpoint"

    async def add_checkpoint(self, request: AddCheckpoint) -> Note | int:
        """Return the checkpoint with the witness's cosignature, verified; or the size from which it wants a proof.

        Nobody signed that size. Raises PeerUnreachable, ProtocolFault, InvalidText, InvalidNote, InvalidSignature.
        """
        status, body = await self._post(request.render())
        if status == _STALE:
            return size_of_answer(body)
        if status != httpx2.codes.OK:
            raise ProtocolFault(f"witness {self.key.name} answered with the HTTP status {status}")
        return with_cosignatures(request.note, body, self.key)

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        try:
            async with (
                httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", self._url, content=body) as response,
            ):
                answer = b""
                async for part in response.aiter_raw():
                    answer += part
                    if len(answer) > MAX_NOTE:
                        raise ProtocolFault(
                            f"witness {self.key.name} answers with more than {MAX_NOTE:,} bytes"
                        )
                return response.status_code, answer
        except (httpx2.HTTPError, httpx2.InvalidURL) as failure:
            raise PeerUnreachable(
                f"witness {self.key.name} cannot be reached ({type(failure).__name__})", fault="unreachable"
            ) from failure
