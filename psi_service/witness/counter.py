"""Where logs come to be cosigned: one request in, one answer out, persisted before it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psi_core.errors import (
    Conflict,
    InvalidCheckpoint,
    InvalidProof,
    InvalidSignature,
    InvalidText,
    NotFound,
    PsiError,
    VerificationError,
)
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Signer, Verifier
from psi_core.log.note import Note
from psi_core.log.witness import SIZE_TYPE, AddCheckpoint, cosignature_lines, size_answer
from psi_service.clock import Clock
from psi_service.log import witnessed
from psi_service.store.database import Store

PLAIN = "text/plain; charset=utf-8"

_STATUS: Mapping[type[PsiError], int] = {
    NotFound: 404,
    InvalidSignature: 403,
    InvalidProof: 422,
    Conflict: 409,
    InvalidCheckpoint: 409,
}
"""Status by error, as the specification has them; whatever is malformed is 400."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    media_type: str = PLAIN


class Counter:
    """Cosigns for the logs whose keys it was given, by origin."""

    def __init__(
        self, store: Store, cosigner: Signer, logs: Mapping[str, tuple[Verifier, ...]], clock: Clock
    ) -> None:
        self._store = store
        self._cosigner = cosigner
        self._logs = logs
        self._clock = clock

    async def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one add-checkpoint request; raises nothing of the error tree but StoreError."""
        try:
            request = AddCheckpoint.parse(body)
            origin = self._verified(request.note)
        except (InvalidText, NotFound, VerificationError) as error:
            # Before its signature holds, a malformed checkpoint is a bad request and no conflict.
            status = _STATUS[type(error)] if isinstance(error, NotFound | InvalidSignature) else 400
            return Answer(status, f"{error}\n".encode())
        try:
            return await self._cosign(request)
        except (Conflict, InvalidCheckpoint):
            latest, _ = await self._store.query(lambda db: witnessed.latest_cosigned(db, origin))
            return Answer(409, size_answer(latest.size if latest else 0), SIZE_TYPE)
        except (InvalidText, VerificationError) as error:
            return Answer(_STATUS.get(type(error), 400), f"{error}\n".encode())

    def _verified(self, data: bytes) -> str:
        note = Note.parse(data)
        origin = Checkpoint.parse(note.text).origin
        keys = self._logs.get(origin)
        if keys is None:
            raise NotFound("this witness does not watch a log of that name")
        note.verified_by(*keys)
        return origin

    async def _cosign(self, request: AddCheckpoint) -> Answer:
        note = await self._store.transaction(
            lambda db: witnessed.cosign(
                db, request.note, request.old, request.proof, self._cosigner, self._clock()
            )
        )
        return Answer(200, cosignature_lines(Note.parse(note).signatures[-1:]))
