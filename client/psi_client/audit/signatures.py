"""Signatures to be checked, gathered while a log is read and checked many at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from psi_client.audit.facts import Faults
from psi_core.errors import InvalidSignature
from psi_core.log.key import Verifier, wrong_signatures

BATCH = 4096
MAX_GOOD = 1_000_000
"""Digests that are remembered, 32 bytes each."""


class Signed(NamedTuple):
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
    """What has been taken counts as checked only once `finish` has returned.

    A batch is checked in a thread of its own (the native core works without the interpreter's lock) while the log is
    read on. `good` holds digests of signatures that are right already: two labs' logs hold the same texts, and may
    share it.
    """

    def __init__(self, good: set[bytes] | None = None) -> None:
        self._good = set() if good is None else good
        self._waiting: dict[bytes, list[Signed]] = {}
        self._count = 0
        self._given: dict[bytes, list[Signed]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="signatures")
        self._running: Future[list[int]] | None = None

    def expect(self, signed: Signed) -> None:
        """Take one signature; one that stands in several entries is checked once."""
        digest = _digest(signed)
        if digest in self._good:
            _right(signed)
            return
        self._waiting.setdefault(digest, []).append(signed)
        self._count += 1
        if self._count >= BATCH:
            self._hand_over()

    def finish(self) -> None:
        """Check what is left. The last call."""
        self._hand_over()
        self._settle()
        self._thread.shutdown()

    def _hand_over(self) -> None:
        self._settle()
        self._given, self._waiting, self._count = self._waiting, {}, 0
        checks = [(first.verifier, first.message, first.value) for first, *_ in self._given.values()]
        self._running = self._thread.submit(wrong_signatures, checks)

    def _settle(self) -> None:
        """Say of each signature of the batch that is under way whether it is right."""
        if self._running is None:
            return
        wrong = frozenset(self._running.result())
        for number, (digest, alike) in enumerate(self._given.items()):
            if number not in wrong and len(self._good) < MAX_GOOD:
                self._good.add(digest)
            for each in alike:
                if number in wrong:
                    each.faults.add(f"{each.where}: {_reason(each)}", each.position)
                else:
                    _right(each)
        self._running = None


def _right(signed: Signed) -> None:
    if signed.good is not None:
        signed.good()


def _digest(signed: Signed) -> bytes:
    """Of all that a check depends on: key and its type, signature, text; every field but the last tells its length."""
    fixed = bytes([signed.verifier.type, len(signed.value) & 0xFF]) + signed.verifier.public_key
    return hashlib.sha256(fixed + signed.value + signed.message).digest()


def _reason(signed: Signed) -> str:
    """Why one signature is wrong, in the words of its verifier."""
    try:
        signed.verifier.check(signed.message, signed.value)
    except InvalidSignature as error:
        return str(error)
    return f"a signature by {signed.verifier.name} is not in its one canonical form"
