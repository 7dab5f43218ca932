"""One epoch of `oprf` whose sender gives labels, by its machines alone: a full run, then incremental ones on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from psi_core.engines.interface import LaneLabels, Outcome
from psi_core.engines.labels import bound_to
from psi_core.engines.oprf.delta_lane import DeltaLane, delta_parameters
from psi_core.engines.oprf.delta_receiver import DeltaReceiver
from psi_core.engines.oprf.delta_sender import DeltaSender
from psi_core.engines.oprf.engine import Oprf
from psi_core.engines.oprf.generation import Generation, width_of
from psi_core.engines.oprf.key import EpochKey
from psi_core.engines.oprf.lane import OprfLane, parameters_of
from psi_core.engines.oprf.recalled import Recalled
from psi_core.engines.oprf.receiver import OprfReceiver
from psi_core.engines.oprf.relabelling import relabelled
from psi_core.engines.oprf.sender import OprfSender
from tests.oprf_lanes import AGREEMENT, items, statement_of

SIZE = 24
"""Bytes of the sender's labels."""
BACK = 8
"""Bytes of the receiver's, where values are returned."""
BOUND = bound_to(AGREEMENT, "email")
CANARY = 1_000
"""Each run's own item, on both sides: nothing is said of it."""

Forge = Callable[[list[bytes]], list[bytes]]
"""What becomes of the completing frames on their way."""


def said(number: int, version: int = 0) -> bytes:
    """What the sender says of one of its numbers; what the receiver says of its own is the same, shorter."""
    return (b"%d, %d" % (number, version)).ljust(SIZE, b"\0")


@dataclass(frozen=True)
class Ran:
    """What came of a run: both outcomes (the sender's where values are returned), bytes of each completing frame."""

    ours: Outcome
    theirs: Outcome | None
    lengths: tuple[int, ...]
    relabelled: int


class LabelledEpoch:
    """A receiver's numbers, a sender's numbers with its labels, and each side's state."""

    def __init__(self, *, returns: bool = False, bucket: int = 4) -> None:
        self.key = EpochKey.fresh()
        self.statement = statement_of(self.key)
        self.returns, self.bucket = returns, bucket
        self.ours: Generation | None = None
        self.theirs: Generation | None = None
        self._runs = 0
        self._begun: Recalled | None = None

    def run(self, own: Iterable[int], peer: Mapping[int, bytes], forge: Forge = list) -> Ran:
        """One run; both sides' states go on to what it leaves."""
        mine, given = self._sets(own, peer)
        lanes = self._lanes(mine, given)
        receiver, sender = Oprf().receiver(lanes[0]), Oprf().sender(lanes[1])
        lengths = _carried(receiver, sender, forge)
        ours, theirs = receiver.result(), sender.result() if self.returns else None
        left = receiver.left(), sender.left()
        assert left[0].name == left[1].name
        states = (self.ours, self.theirs)
        self.ours, self.theirs = (
            Generation.based_on(self.statement, each.segment) if state is None else state.after(each.segment)
            for state, each in zip(states, left, strict=True)
        )
        return Ran(ours, theirs, lengths, lanes[1].parameters.get("relabelled", 0))

    def shorten(self) -> None:
        """Write both sides' chains as one base each."""
        assert self.ours is not None
        assert self.theirs is not None
        whole = (self.ours.whole(), self.theirs.whole())
        self.ours, self.theirs = (Generation.based_on(self.statement, each) for each in whole)

    def erase(self, number: int, *, at_sender: bool) -> None:
        """Take a number out of one side's state."""
        state = self.theirs if at_sender else self.ours
        assert state is not None
        segment = state.whole().without(items([number]), self.statement, sends=at_sender)
        if segment is not None:
            made = Generation.based_on(self.statement, segment)
            self.ours, self.theirs = (self.ours, made) if at_sender else (made, self.theirs)

    def _sets(self, own: Iterable[int], peer: Mapping[int, bytes]) -> tuple[list[int], dict[int, bytes]]:
        self._runs += 1
        canary = CANARY + self._runs
        return [*own, canary], {**peer, canary: bytes(SIZE)}

    def _lanes(self, own: Sequence[int], peer: Mapping[int, bytes]) -> tuple[OprfLane, OprfLane]:
        ctx = hashlib.sha256(b"ctx %d" % self._runs).digest()
        back = BACK if self.returns else 0
        replies = b"".join(said(number)[:back] if number < CANARY else bytes(back) for number in own)
        ours = LaneLabels(back, SIZE, replies, BOUND)
        theirs = LaneLabels(SIZE, back, b"".join(peer.values()), BOUND)
        parameters = Oprf().parameters(len(own), len(peer), "items") | parameters_of(self.statement)
        parameters |= self._changes(own, peer)

        def lane(mine: Iterable[int], other: int, labels: LaneLabels, state: Generation | None) -> OprfLane:
            facts = ("email", items(mine), other, parameters, "items", ctx, self.statement)
            key = self.key if labels is theirs else None
            if state is None:
                return OprfLane(*facts, returns=self.returns, key=key, labels=labels, caches=True)
            more = {"generation": state, "begun": self._begun if key else None}
            return DeltaLane(*facts, returns=self.returns, key=key, labels=labels, **more)

        return lane(own, len(peer), ours, self.ours), lane(peer, len(own), theirs, self.theirs)

    def _changes(self, own: Sequence[int], peer: Mapping[int, bytes]) -> dict[str, int]:
        if self.ours is None or self.theirs is None:
            return {}
        known = Recalled(self.theirs, items(peer))
        # As in a session: the set was looked up, and its labels compared, before its canary was known.
        self._begun = Recalled(self.theirs, items(peer)[:-1])
        relabelled(self.theirs, self._begun, b"".join(list(peer.values())[:-1]), self.bucket)
        # Changes of these small sets are counted one by one, but for labels.
        removed = known.gone + len(self.theirs.orphans) // width_of(self.statement)
        again = relabelled(self.theirs, known, b"".join(peer.values()), self.bucket)
        new = len(Recalled(self.ours, items(own)).unknown)
        return delta_parameters(self.ours.name.number, new, len(known.unknown), removed, again)


def _carried(
    receiver: OprfReceiver | DeltaReceiver, sender: OprfSender | DeltaSender, forge: Forge
) -> tuple[int, ...]:
    """Carry every frame; returns the lengths of the completing ones."""
    blinded, opening = list(receiver.start()), list(sender.start())
    for frame in blinded:
        for answer in sender.receive(frame):
            assert not list(receiver.receive(answer))
    for frame in opening:
        assert not list(receiver.receive(frame))
    assert receiver.opened
    assert sender.opened
    completing = forge(list(sender.complete()))
    for frame in completing:
        assert not receiver.done
        for back in receiver.receive(frame):
            assert not list(sender.receive(back))
    assert receiver.done
    return tuple(map(len, completing))
