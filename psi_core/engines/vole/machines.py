"""Both machines: thin covers over the native ones.

A native machine belongs to one thread at a time, for as long as a step takes. What others ask meanwhile (how far it
is) is therefore kept here, and renewed after each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol, TypeVar

from psi_core import native_core
from psi_core.engines.interface import Outcome, Settled
from psi_core.engines.vole.lane import ELEMENT_BYTES, VoleLane
from psi_core.errors import EngineFault, ProtocolFault
from psi_core.session.packed import Packed

T = TypeVar("T")


class _Prepares(Protocol):
    def prepare(self) -> None: ...


def _run(step: Callable[[], T]) -> T:
    """One native step. Every fault is the same one: which check failed, on which side, stays unsaid."""
    try:
        return step()
    except ValueError:
        raise ProtocolFault("vole: the run was given up; nothing was learned, start a new session") from None


def _prepared(machine: _Prepares) -> Iterator[bytes]:
    """Yield nothing, and compute what needs nothing of the next frame."""
    _run(machine.prepare)
    yield from ()


class VoleReceiver:
    """Learns which of its items the sender holds (see the package for the flow)."""

    def __init__(self, lane: VoleLane, *, semi_honest: bool) -> None:
        items = Packed.of(lane.items, ELEMENT_BYTES).buffer
        self._machine = _run(
            lambda: native_core.native.VoleReceiver(lane.context, items, lane.peer_size, semi_honest)
        )
        self._labels = lane.labels
        if lane.labels is not None:
            labels = lane.labels
            _run(lambda: self._machine.await_labels(labels.bound_to, labels.received))
        self._started = False
        self._opened = False
        self._done = False

    def start(self) -> Iterator[bytes]:
        """Yield nothing: the sender speaks first."""
        if self._started:
            raise EngineFault("vole: the receiver was started twice")
        self._started = True
        return iter(())

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take a frame. What is drawn are the answers and, when they have left, what can be done meanwhile."""
        answer = _run(lambda: self._machine.receive(frame))
        self._opened, self._done = self._machine.opened, self._machine.done
        return Settled(chain(answer, _prepared(self._machine)))

    @property
    def opened(self) -> bool:
        """Whether every frame before the barrier has arrived."""
        return self._opened

    @property
    def done(self) -> bool:
        """Whether the tags have arrived, and the labels where they travel."""
        return self._done

    def result(self) -> Outcome:
        """Return the matching positions, their number and labels; a match whose label does not open is none."""
        if not self.done:
            raise EngineFault("vole: the result was asked for before the tags and labels arrived, or twice")
        self._done = False
        if self._labels is not None:
            return _labelled(_run(self._machine.labelled), self._labels.received)
        positions = native_core.numbers(_run(self._machine.result))
        return Outcome(positions, len(positions))


class VoleSender:
    """Serves its items to a receiver (see the package for the flow)."""

    def __init__(self, lane: VoleLane, *, semi_honest: bool) -> None:
        items = Packed.of(lane.items, ELEMENT_BYTES).buffer
        self._machine = _run(
            lambda: native_core.native.VoleSender(lane.context, items, lane.peer_size, semi_honest)
        )
        if lane.labels is not None:
            labels = lane.labels
            _run(lambda: self._machine.give_labels(labels.bound_to, labels.own, labels.sent))
        self._started = False
        self._opened = False
        self._completed = False

    def start(self) -> Iterator[bytes]:
        """Yield the commitment and the choices of the base OTs."""
        if self._started:
            raise EngineFault("vole: the sender was started twice")
        self._started = True
        return self._first()

    def _first(self) -> Iterator[bytes]:
        yield from _run(self._machine.start)

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take a frame. What is drawn are the answers and, when they have left, what can be done meanwhile."""
        answer = _run(lambda: self._machine.receive(frame))
        self._opened = self._machine.opened
        return Settled(chain(answer, _prepared(self._machine)))

    @property
    def opened(self) -> bool:
        """Whether every frame before the barrier has arrived."""
        return self._opened

    def complete(self) -> Iterator[bytes]:
        """Yield the tags' frames, and those of labels where they travel."""
        if not self.opened or self._completed:
            raise EngineFault("vole: tags were asked for twice, or before the masked store arrived")
        self._completed = True
        return self._tags()

    def _tags(self) -> Iterator[bytes]:
        yield from _run(self._machine.complete)


def _labelled(found: list[bytes], size: int) -> Outcome:
    opened, labels, dropped = found
    positions = native_core.positions(opened)
    said = dict(zip(positions, native_core.cut(labels, size), strict=True))
    return Outcome(tuple(positions), len(positions), said, len(native_core.positions(dropped)))
