"""What every engine is: two machines without I/O, a receiver that learns and a sender that serves.

    receiver                                   sender
    --------                                   ------
    start()     -- opening frames        -->   receive()
    receive()  <--       opening frames  --    start()
                        both `opened`
    ================= barrier: PreRecord is logged =================
    receive()  <--    completing frames  --    complete()
    `done`, result()

A machine never sees a socket, a clock or a process. What needs a process comes through an injected `Worker`
(bytes in, bytes out). Every size follows from `LaneContext`, never from a header of the peer.

Rules for whoever drives a machine:
- A machine is used by one thread at a time; its calls may wait for the worker: keep them off the event loop.
- `receive` checks the whole frame before it returns; it may be called between two frames of `start`.
- An error ends the machine: it is dropped, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from psi_core.session.opening import KeyEvidence

ITEM_BYTES = 32
"""A whole item; an engine may take less of each (`Engine.item_bytes`)."""
MAX_FRAME_BYTES = 1 << 20

Reveal = Literal["items", "count"]


class Worker(Protocol):
    """Runs an engine's heavy steps elsewhere; in the node, in child processes (psi_client.worker_pool)."""

    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        """Return the answers to `orders`, in their order, computed on all children.

        The first orders may be started before the first answer is asked for; `orders` is read ahead only as
        far as the worker's bound.

        Raises (from the iterator):
            WorkerDied: a child ended before it answered.
            EngineFault: a child refused an order.
        """
        ...


@dataclass(frozen=True)
class LaneLabels:
    """The labels of one run. All that one side gives in a lane have one size.

    sent: bytes of each of our labels; 0: none are due from us. received: of each of the peer's; 0: none come.
    own: where ours go along, one for each item, packed, in the items' order.
    bound_to: what they are sealed for: agreement and match key.
    """

    sent: int
    received: int
    own: bytes = field(repr=False)
    bound_to: bytes


@dataclass(frozen=True)
class LaneContext:
    """One lane of one run, as Offer and Accept fix it.

    items: exactly our padded size of them, each of `Engine.item_bytes`, all distinct; never shown by repr.
    peer_size: the peer's padded size.
    parameters: what `Engine.parameters` returned for both sizes.
    """

    match_key: str
    items: Sequence[bytes] = field(repr=False)
    peer_size: int
    parameters: Mapping[str, int]
    reveal: Reveal
    labels: LaneLabels | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Outcome:
    """What a receiver learned: how many of its items match and, with reveal `items`, which.

    positions: ascending indexes into `LaneContext.items` (an array, where there may be many); None with reveal
        `count`.
    labels: of matches, by position, where the peer's go along.
    unopened: matches by their tag whose label did not open. They are no matches, unless returned values prove them.
    """

    positions: Sequence[int] | None = field(repr=False)
    count: int
    labels: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    unopened: int = 0


class Settled(Iterator[bytes]):
    """Answering frames of a machine that has settled: what it says of itself is true before they are drawn.

    They may be drawn one by one as they are sent; any other answer is drawn whole before the machine is asked.
    """

    def __init__(self, frames: Iterable[bytes]) -> None:
        self._frames = iter(frames)

    def __next__(self) -> bytes:
        return next(self._frames)


class Receiver(Protocol):
    """The machine of the side that learns."""

    def start(self) -> Iterator[bytes]:
        """Yield the opening frames, each at most 1 MiB, which need nothing from the peer. Called once."""
        ...

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take one frame of the peer and return the frames that answer it (maybe none).

        Raises:
            ProtocolFault: the frame is malformed, of another length than expected, or one too many.
            EngineFault, WorkerDied: the engine's own step failed.
        """
        ...

    @property
    def opened(self) -> bool:
        """Whether every opening frame of the peer has arrived."""
        ...

    @property
    def done(self) -> bool:
        """Whether every completing frame of the peer has arrived."""
        ...

    def result(self) -> Outcome:
        """Return what was learned; may wait for the worker. Called once, after `done`.

        Raises:
            EngineFault: called before `done`, or the engine's own step failed.
            ProtocolFault: the peer's frames do not belong together.
            WorkerDied: a child ended before it answered.
        """
        ...


class Sender(Protocol):
    """The machine of the side that serves."""

    def start(self) -> Iterator[bytes]:
        """Yield the opening frames, each at most 1 MiB, which need nothing from the peer. Called once."""
        ...

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take one frame of the peer and return the frames that answer it (maybe none).

        Raises:
            ProtocolFault: the frame is malformed, of another length than expected, or one too many.
            EngineFault, WorkerDied: the engine's own step failed.
        """
        ...

    @property
    def opened(self) -> bool:
        """Whether every opening frame of the peer has arrived."""
        ...

    def complete(self) -> Iterator[bytes]:
        """Yield the completing frames, each at most 1 MiB. Called once, after `opened` and the barrier.

        Raises:
            EngineFault: called before `opened` or twice, or the engine's own step failed.
            WorkerDied: a child ended before it answered.
        """
        ...


class Engine(Protocol):
    """A way to run a lane. `name` and `variant` stand in agreements and records; `security` is for people."""

    @property
    def name(self) -> str: ...

    @property
    def variant(self) -> str: ...

    @property
    def security(self) -> str: ...

    def parameters(self, own_size: int, peer_size: int, reveal: Reveal) -> dict[str, int]:
        """Return the parameters that both padded sizes imply; the same for both sides.

        Raises:
            EngineFault: a size is outside what the engine can run.
        """
        ...

    @property
    def one_run_for_both(self) -> bool:
        """Whether direction `both` is one run with the initiator as receiver, and a sender that learns too."""
        ...

    @property
    def item_bytes(self) -> int:
        """Bytes of an item: the first of the 32 that design.md section 4.5 gives it."""
        ...

    @property
    def seals_labels(self) -> bool:
        """Whether labels can go along: whether a match gives both sides a key that is never sent."""
        ...

    def key_parameters(self, key: KeyEvidence | None) -> dict[str, int]:
        """Return what the sender's key adds to `parameters`; {} where the engine has no key.

        Raises:
            EngineFault: the lane has no key and needs one, or has one that says nothing to this engine.
        """
        ...

    def evaluations(
        self, parameters: Mapping[str, int], peer_size: int, *, peer_receives: bool = True
    ) -> int:
        """Return how many items the other lab can test, given its padded size: what a node debits.

        peer_receives: whether the other lab is the receiver of a run that both learn from (`one_run_for_both`).
        """
        ...

    def receiver(self, lane: LaneContext, worker: Worker) -> Receiver:
        """Return a fresh receiver.

        Raises:
            EngineFault: the lane is not what `LaneContext` promises, or its parameters are not the engine's.
        """
        ...

    def sender(self, lane: LaneContext, worker: Worker) -> Sender:
        """Return a fresh sender; raises as `receiver` does."""
        ...
