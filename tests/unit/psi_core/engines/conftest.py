"""What the engine tests share: a worker inside the test's process, lanes, and a wire that carries every frame."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Callable, Iterable, Iterator

import pytest

from psi_client.openmined_worker import serve
from psi_client.worker_pipe import Status
from psi_core.engines.interface import LaneContext, Outcome, Receiver, Reveal, Sender
from psi_core.engines.openmined.orders import Operation, Order
from psi_core.errors import EngineFault

WHEEL = (platform.machine(), sys.platform) in {("x86_64", "linux"), ("arm64", "darwin")}

MakeLane = Callable[..., LaneContext]
Carry = Callable[[Receiver, Sender], Outcome]


class InProcessWorker:
    """Serves orders as a child would, and remembers what it was asked."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    @property
    def operations(self) -> list[Operation]:
        return [order.operation for order in self.orders]

    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        for data in orders:
            self.orders.append(Order.decode(data))
            status, answer = serve(data)
            if status is not Status.OK:
                raise EngineFault(status.name)
            yield answer


@pytest.fixture
def worker() -> InProcessWorker:
    if not WHEEL:
        pytest.skip("openmined-psi has no wheel for this platform")
    return InProcessWorker()


@pytest.fixture
def items() -> Callable[[Iterable[int]], list[bytes]]:
    """Turn numbers into items: equal numbers are equal items."""
    return lambda numbers: [hashlib.sha256(b"item %d" % number).digest() for number in numbers]


@pytest.fixture
def make_lane(items: Callable[[Iterable[int]], list[bytes]]) -> MakeLane:
    """Make a lane with chosen buckets, so that a handful of items can fill several."""

    def make(
        own: Iterable[int],
        peer_size: int,
        *,
        buckets: int = 1,
        bucket_size: int = 8,
        reveal: Reveal = "items",
    ) -> LaneContext:
        parameters = {"buckets": buckets, "bucket_size": bucket_size}
        return LaneContext("email", items(own), peer_size, parameters, reveal)

    return make


@pytest.fixture
def carry() -> Carry:
    """Carry all frames of both machines, the openings first, and return what the receiver learned."""

    def carried(receiver: Receiver, sender: Sender) -> Outcome:
        for frame in receiver.start():
            assert not list(sender.receive(frame))
        for frame in sender.start():
            assert not list(receiver.receive(frame))
        assert receiver.opened
        assert sender.opened
        assert not receiver.done
        for frame in sender.complete():
            assert not list(receiver.receive(frame))
        assert receiver.done
        return receiver.result()

    return carried
