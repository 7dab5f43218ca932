"""Signatures to be checked, gathered while a log is read and checked many at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psi_client.audit.facts import Faults
from psi_core.errors import InvalidSignature
from psi_core.log.key import Verifier, wrong_signatures

BATCH = 4096


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature `value` over `message` by `verifier`; `where` begins the sentence of a fault.

    A wrong one is put among `faults` at `position`, a right one calls `good`.
    """

    verifier: Verifier
    message: bytes
    value: bytes
    where: str
    position: int
    faults: Faults
    good: Callable[[], None] | None = None


class SignatureChecks:
    """What has been taken counts as checked only once `finish` has returned."""

    def __init__(self) -> None:
        self._waiting: list[Signed] = []

    def expect(self, signed: Signed) -> None:
        """Take one signature."""
        self._waiting.append(signed)
        if len(self._waiting) >= BATCH:
            self.finish()

    def finish(self) -> None:
        """Check what is left."""
        found = wrong_signatures([(each.verifier, each.message, each.value) for each in self._waiting])
        wrong = frozenset(found)
        for number, each in enumerate(self._waiting):
            if number in wrong:
                each.faults.add(f"{each.where}: {_reason(each)}", each.position)
            elif each.good is not None:
                each.good()
        self._waiting.clear()


def _reason(signed: Signed) -> str:
    """Why one signature is wrong, in the words of its verifier."""
    try:
        signed.verifier.check(signed.message, signed.value)
    except InvalidSignature as error:
        return str(error)
    return f"a signature by {signed.verifier.name} is not in its one canonical form"
