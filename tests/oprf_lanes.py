"""What the tests of the engine `oprf` share: lanes of two labs, and a wire that carries every frame."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from psi_core.engines.interface import Outcome
from psi_core.engines.oprf.engine import Oprf
from psi_core.engines.oprf.key import EpochKey, KeyStatement, state
from psi_core.engines.oprf.lane import OprfLane, parameters_of
from psi_core.engines.oprf.receiver import OprfReceiver
from psi_core.engines.oprf.sender import OprfSender

SENDER = "lab-b.example"
RECEIVER = "lab-a.example"
AGREEMENT = bytes(range(32))
CTX = hashlib.sha256(b"ctx").digest()


def items(numbers: Iterable[int]) -> list[bytes]:
    """Turn numbers into items: equal numbers are equal items."""
    return [hashlib.sha256(b"item %d" % number).digest() for number in numbers]


def statement_of(
    key: EpochKey, *, epoch: int = 1, max_evaluations: int = 1 << 20, max_tags: int = 1 << 20
) -> KeyStatement:
    return state(
        key,
        lab=SENDER,
        peer=RECEIVER,
        agreement=AGREEMENT,
        match_key="email",
        epoch=epoch,
        max_evaluations=max_evaluations,
        max_tags=max_tags,
    )


@dataclass(frozen=True)
class Lanes:
    """Both sides of one lane."""

    receiver: OprfLane
    sender: OprfLane

    def machines(self) -> tuple[OprfReceiver, OprfSender]:
        engine = Oprf()
        return engine.receiver(self.receiver), engine.sender(self.sender)


def lanes(
    receives: Iterable[int], sends: Iterable[int], *, returns: bool = False, key: EpochKey | None = None
) -> Lanes:
    key = key or EpochKey.fresh()
    statement = statement_of(key)
    own, peer = items(receives), items(sends)
    parameters = Oprf().parameters(len(own), len(peer), "items") | parameters_of(statement)

    def lane(given: list[bytes], other: list[bytes], secret: EpochKey | None) -> OprfLane:
        return OprfLane(
            "email", given, len(other), parameters, "items", CTX, statement, returns=returns, key=secret
        )

    return Lanes(lane(own, peer, None), lane(peer, own, key))


def open_both(receiver: OprfReceiver, sender: OprfSender) -> None:
    """Carry every frame before the barrier."""
    for frame in receiver.start():
        for answer in sender.receive(frame):
            assert not list(receiver.receive(answer))
    assert not list(sender.start())
    assert receiver.opened
    assert sender.opened


def carry(receiver: OprfReceiver, sender: OprfSender) -> tuple[Outcome, Outcome | None]:
    """Run both machines to their ends; the sender's outcome is None where it learns nothing."""
    open_both(receiver, sender)
    assert not receiver.done
    for frame in sender.complete():
        for answer in receiver.receive(frame):
            assert not list(sender.receive(answer))
    assert receiver.done
    assert sender.done
    outcome = receiver.result()
    return outcome, sender.result() if sender.learns else None
