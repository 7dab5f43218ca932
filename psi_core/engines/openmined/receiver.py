"""The receiver's machine: request out; set-up and responses in; matches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from psi_core.engines.interface import LaneContext, Outcome, Worker
from psi_core.engines.openmined.buckets import FILL, filled, fresh_key, slot_items, spread
from psi_core.engines.openmined.orders import Operation, Order, count_answer, matches_answer, points_answer
from psi_core.engines.openmined.points import PointReader, cut_frames
from psi_core.errors import EngineFault, ProtocolFault

# Intersections handed to the worker and not yet collected: about 20 MB of points. Beyond it `receive` waits,
# which holds the peer back.
_MAX_PENDING = 64


class OpenMinedReceiver:
    """Learns which of its items the sender holds, or how many (see the package for the flow)."""

    def __init__(self, lane: LaneContext, worker: Worker) -> None:
        buckets, size = lane.parameters["buckets"], lane.parameters["bucket_size"]
        self._items = lane.items
        self._worker = worker
        self._reveal_items = lane.reveal == "items"
        self._bucket_size = size
        self._slots = [filled(positions, size) for positions in spread(lane.items, buckets, size)]
        self._keys = [fresh_key() for _ in range(buckets)]
        self._setup = PointReader("set-up", buckets, size, ascending=True)
        self._responses = PointReader("response", buckets, size, ascending=not self._reveal_items)
        self._setups: deque[bytes] = deque()
        self._pending: deque[Iterator[bytes]] = deque()
        self._started = False
        self._requested = False
        self._intersected = 0
        self._collected = 0
        self._count = 0
        self._positions: list[int] = []

    def start(self) -> Iterator[bytes]:
        """Yield the request's frames."""
        if self._started:
            raise EngineFault("openmined: the receiver was started twice")
        self._started = True
        return self._request()

    def _request(self) -> Iterator[bytes]:
        orders = (
            Order(Operation.REQUEST, self._reveal_items, key, slot_items(self._items, slots)).encode()
            for key, slots in zip(self._keys, self._slots, strict=True)
        )
        for answer in self._worker.map(orders):
            yield from cut_frames(points_answer(answer, self._bucket_size))
        self._requested = True

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take a set-up frame, or a response frame once the set-up is complete and the request was sent."""
        if not self._setup.complete:
            setup = self._setup.take(frame)
            if setup is not None:
                self._setups.append(setup)
        elif not self._requested:
            raise ProtocolFault("openmined: a response frame arrived before the request was sent")
        else:
            response = self._responses.take(frame)
            if response is not None:
                self._intersect(response)
        return iter(())

    def _intersect(self, response: bytes) -> None:
        """Hand one bucket to the worker; collect the oldest one when too many are out."""
        body = self._setups.popleft() + response
        order = Order(Operation.INTERSECT, self._reveal_items, self._keys[self._intersected], body)
        self._intersected += 1
        self._pending.append(self._worker.map([order.encode()]))
        if len(self._pending) > _MAX_PENDING:
            self._collect()

    def _collect(self) -> None:
        """Wait for the oldest bucket at the worker and keep what it found."""
        answer = next(self._pending.popleft(), b"")
        slots = self._slots[self._collected]
        self._collected += 1
        if not self._reveal_items:
            self._count += count_answer(answer, self._bucket_size)
            return
        positions = [slots[match] for match in matches_answer(answer, self._bucket_size)]
        if FILL in positions:
            # The sender cannot know these 32 random bytes: such a match can only be made up.
            raise ProtocolFault("openmined: the peer's responses make a random fill item match")
        self._count += len(positions)
        self._positions += positions

    @property
    def opened(self) -> bool:
        """Whether the whole set-up has arrived."""
        return self._setup.complete

    @property
    def done(self) -> bool:
        """Whether every response has arrived."""
        return self._responses.complete

    def result(self) -> Outcome:
        """Return the matching positions and their number, or their number alone."""
        if not self.done:
            raise EngineFault("openmined: the result was asked for before every response arrived")
        while self._pending:
            self._collect()
        return Outcome(tuple(sorted(self._positions)) if self._reveal_items else None, self._count)
