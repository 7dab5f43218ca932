"""Signatures to be checked, gathered while a log is read and checked many at a time."""

from __future__ import annotations

from dataclasses import dataclass

from psi_client.audit.facts import Faults
from psi_core.errors import InvalidSignature
from psi_core.log.key import Verifier

BATCH = 1024


@dataclass(frozen=True, slots=True)
class _Waiting:
    verifier: Verifier
    message: bytes
    value: bytes
    where: str
    position: int
    faults: Faults


class SignatureChecks:
    """What has been taken counts as checked only once `finish` has returned; faults go where `expect` says."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def expect(
        self, verifier: Verifier, message: bytes, value: bytes, *, where: str, position: int, faults: Faults
    ) -> None:
        """Take a signature `value` over `message`; `where` begins the sentence of a fault ("the offer in entry 5")."""
        self._waiting.append(_Waiting(verifier, message, value, where, position, faults))
        if len(self._waiting) >= BATCH:
            self.finish()

    def finish(self) -> None:
        """Check what is left."""
        for each in self._waiting:
            try:
                each.verifier.check(each.message, each.value)
            except InvalidSignature as error:
                each.faults.add(f"{each.where}: {error}", each.position)
        self._waiting.clear()
