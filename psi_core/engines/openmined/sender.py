"""The sender's machine: set-up out; request in; after the barrier, responses out."""

from __future__ import annotations

from collections.abc import Iterator

from psi_core.engines.interface import LaneContext, Worker
from psi_core.engines.openmined.buckets import filled, fresh_key, slot_items, spread
from psi_core.engines.openmined.orders import Operation, Order, points_answer
from psi_core.engines.openmined.points import PointReader, cut_frames, is_ascending, split_points
from psi_core.errors import EngineFault


class OpenMinedSender:
    """Serves its items to a receiver (see the package for the flow)."""

    def __init__(self, lane: LaneContext, worker: Worker) -> None:
        buckets, size = lane.parameters["buckets"], lane.parameters["bucket_size"]
        self._items = lane.items
        self._worker = worker
        self._reveal_items = lane.reveal == "items"
        self._bucket_size = size
        self._slots = [filled(positions, size) for positions in spread(lane.items, buckets, size)]
        self._keys = [fresh_key() for _ in range(buckets)]
        # Distinct points matter most with reveal `count`: a receiver that repeats a point sees in the sorted
        # responses which one it was.
        self._request = PointReader("request", buckets, size, ascending=False)
        self._requests: list[bytes] = []
        self._started = False
        self._completed = False

    def start(self) -> Iterator[bytes]:
        """Yield the set-up's frames."""
        if self._started:
            raise EngineFault("openmined: the sender was started twice")
        self._started = True
        return self._setup()

    def _setup(self) -> Iterator[bytes]:
        orders = (
            Order(Operation.SETUP, self._reveal_items, key, slot_items(self._items, slots)).encode()
            for key, slots in zip(self._keys, self._slots, strict=True)
        )
        for answer in self._worker.map(orders):
            yield from cut_frames(self._sorted(answer))

    def receive(self, frame: bytes) -> Iterator[bytes]:
        """Take a request frame."""
        request = self._request.take(frame)
        if request is not None:
            self._requests.append(request)
        return iter(())

    @property
    def opened(self) -> bool:
        """Whether the whole request has arrived."""
        return self._request.complete

    def complete(self) -> Iterator[bytes]:
        """Yield the responses' frames."""
        if not self.opened or self._completed:
            raise EngineFault(
                "openmined: responses were asked for twice, or before the whole request arrived"
            )
        self._completed = True
        return self._respond()

    def _respond(self) -> Iterator[bytes]:
        orders = (
            Order(Operation.RESPOND, self._reveal_items, key, request).encode()
            for key, request in zip(self._keys, self._requests, strict=True)
        )
        for answer in self._worker.map(orders):
            # In the request's order the receiver learns which items match; sorted, only how many.
            response = (
                points_answer(answer, self._bucket_size) if self._reveal_items else self._sorted(answer)
            )
            yield from cut_frames(response)

    def _sorted(self, answer: bytes) -> bytes:
        """Return an answer of points that must be sorted: any other order would tell the peer something."""
        if not is_ascending(split_points(points_answer(answer, self._bucket_size))):
            raise EngineFault("openmined: the library did not sort its points")
        return answer
