"""The two machines against each other: what is learned, what is sent, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import pytest

from psi_core.engines.interface import LaneContext, Outcome, Receiver, Reveal, Sender, Worker
from psi_core.engines.openmined.orders import Operation, Order
from psi_core.engines.openmined.points import POINT_BYTES, split_points
from psi_core.engines.openmined.receiver import OpenMinedReceiver
from psi_core.engines.openmined.sender import OpenMinedSender
from psi_core.errors import EngineFault, ProtocolFault

MakeLane = Callable[..., LaneContext]
Carry = Callable[[Receiver, Sender], Outcome]


class Recorder(Worker, Protocol):
    """The fixture `worker`: it remembers its orders."""

    orders: list[Order]


def test_items_reveals_which_and_count_only_how_many(
    worker: Recorder, make_lane: MakeLane, carry: Carry
) -> None:
    own, peer = [5, 1, 9, 7], [7, 2, 5, 3, 8]
    machines = [
        (
            OpenMinedReceiver(make_lane(own, 5, bucket_size=5, reveal=reveal), worker),
            OpenMinedSender(make_lane(peer, 4, bucket_size=5, reveal=reveal), worker),
        )
        for reveal in ("items", "count")
    ]
    assert carry(*machines[0]) == Outcome(positions=(0, 3), count=2)
    assert carry(*machines[1]) == Outcome(positions=None, count=2)


@pytest.mark.parametrize("reveal", ["items", "count"])
@pytest.mark.parametrize(
    ("own", "peer"), [(range(6), range(6)), (range(6), range(6, 12)), ([3], range(8)), (range(8), [3])]
)
def test_overlaps_of_every_kind_over_several_buckets(
    worker: Recorder,
    make_lane: MakeLane,
    carry: Carry,
    own: Sequence[int],
    peer: Sequence[int],
    reveal: Reveal,
) -> None:
    receiver = OpenMinedReceiver(make_lane(own, len(peer), buckets=3, reveal=reveal), worker)
    sender = OpenMinedSender(make_lane(peer, len(own), buckets=3, reveal=reveal), worker)
    common = tuple(position for position, number in enumerate(own) if number in peer)
    assert carry(receiver, sender) == Outcome(common if reveal == "items" else None, len(common))


def test_each_message_is_exactly_b_times_s_points_whatever_the_sets(
    worker: Recorder, make_lane: MakeLane
) -> None:
    receiver = OpenMinedReceiver(make_lane([1], 5, buckets=3), worker)
    sender = OpenMinedSender(make_lane(range(5), 1, buckets=3), worker)
    requests, setups = list(receiver.start()), list(sender.start())
    for frame in requests:
        sender.receive(frame)
    for frames in (requests, setups, list(sender.complete())):
        assert [len(frame) for frame in frames] == [8 * POINT_BYTES] * 3


def test_each_bucket_and_session_has_its_own_key(worker: Recorder, make_lane: MakeLane, carry: Carry) -> None:
    for _ in range(2):
        carry(
            OpenMinedReceiver(make_lane(range(4), 4, buckets=2), worker),
            OpenMinedSender(make_lane(range(4), 4, buckets=2), worker),
        )
    keys = {
        operation: [order.key for order in worker.orders if order.operation is operation]
        for operation in Operation
    }
    assert len({*keys[Operation.REQUEST], *keys[Operation.SETUP]}) == 8
    assert keys[Operation.INTERSECT] == keys[Operation.REQUEST]
    assert keys[Operation.RESPOND] == keys[Operation.SETUP]


def test_a_request_is_not_in_the_items_order(
    worker: Recorder, make_lane: MakeLane, items: Callable[[Iterable[int]], list[bytes]]
) -> None:
    list(OpenMinedReceiver(make_lane(range(30), 30, bucket_size=30), worker).start())
    body = worker.orders[0].body
    sent = [body[at : at + 32] for at in range(0, len(body), 32)]
    assert sorted(sent) == sorted(items(range(30)))
    assert sent != items(range(30))  # by chance once in 30! runs


def test_a_set_up_is_sorted_by_its_points(worker: Recorder, make_lane: MakeLane) -> None:
    for frame in OpenMinedSender(make_lane(range(8), 8), worker).start():
        assert split_points(frame) == sorted(split_points(frame))


def test_count_hides_the_requests_order_in_sorted_responses(worker: Recorder, make_lane: MakeLane) -> None:
    receiver = OpenMinedReceiver(make_lane(range(8), 8, reveal="count"), worker)
    sender = OpenMinedSender(make_lane(range(8), 8, reveal="count"), worker)
    (request,) = receiver.start()
    sender.receive(request)
    (response,) = sender.complete()
    assert split_points(response) == sorted(split_points(response))
    respond = worker.orders[-1]
    assert respond.operation is Operation.RESPOND
    turned = b"".join(reversed(split_points(respond.body)))
    (other,) = worker.map([Order(Operation.RESPOND, False, respond.key, turned).encode()])
    assert other == response  # every order of the same request is answered by the same bytes


def test_count_asks_a_child_for_a_number_and_nothing_else(
    worker: Recorder, make_lane: MakeLane, carry: Carry
) -> None:
    carry(
        OpenMinedReceiver(make_lane(range(8), 8, reveal="count"), worker),
        OpenMinedSender(make_lane(range(4, 12), 8, reveal="count"), worker),
    )
    assert not any(order.reveal_items for order in worker.orders)
    intersect = next(order for order in worker.orders if order.operation is Operation.INTERSECT)
    assert list(worker.map([intersect.encode()])) == [(4).to_bytes(4)]


def test_frames_may_arrive_between_two_frames_of_start(worker: Recorder, make_lane: MakeLane) -> None:
    receiver = OpenMinedReceiver(make_lane(range(6), 6, buckets=3), worker)
    sender = OpenMinedSender(make_lane(range(3, 9), 6, buckets=3), worker)
    for request, setup in zip(receiver.start(), sender.start(), strict=True):
        sender.receive(request)
        receiver.receive(setup)
    for frame in sender.complete():
        receiver.receive(frame)
    assert receiver.result().positions == (3, 4, 5)


def test_a_receiver_hands_over_buckets_at_once_and_holds_back_the_65th(
    worker: Recorder, make_lane: MakeLane
) -> None:
    """The fixture computes when its answer is asked for, so what it has computed was waited for."""
    receiver = OpenMinedReceiver(make_lane(range(20), 20, buckets=70, bucket_size=4), worker)
    sender = OpenMinedSender(make_lane(range(10, 30), 20, buckets=70, bucket_size=4), worker)
    for request, setup in zip(receiver.start(), sender.start(), strict=True):
        sender.receive(request)
        receiver.receive(setup)
    waited_for = []
    for response in list(sender.complete()):
        receiver.receive(response)
        waited_for.append(sum(order.operation is Operation.INTERSECT for order in worker.orders))
    assert waited_for == [0] * 64 + [1, 2, 3, 4, 5, 6]
    assert receiver.result().positions == tuple(range(10, 20))


class Reversing:
    """A worker whose library does not sort."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        for answer in self._worker.map(orders):
            yield b"".join(reversed(split_points(answer)))


def test_points_that_the_library_left_unsorted_are_never_sent(worker: Recorder, make_lane: MakeLane) -> None:
    with pytest.raises(EngineFault, match="did not sort"):
        next(OpenMinedSender(make_lane(range(8), 8), Reversing(worker)).start())
    sender = OpenMinedSender(make_lane(range(8), 8, reveal="count"), Reversing(worker))
    (request,) = OpenMinedReceiver(make_lane(range(8), 8, reveal="count"), worker).start()
    sender.receive(request)
    with pytest.raises(EngineFault, match="did not sort"):
        next(sender.complete())


class Silent:
    """A worker that gives fewer answers than it was asked for."""

    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        list(orders)
        return iter(())


def test_a_worker_that_falls_silent_gives_a_fault_and_no_result(
    worker: Recorder, make_lane: MakeLane
) -> None:
    receiver = OpenMinedReceiver(make_lane(range(8), 8, reveal="count"), worker)
    sender = OpenMinedSender(make_lane(range(8), 8, reveal="count"), worker)
    for frame in receiver.start():
        sender.receive(frame)
    for frame in sender.start():
        receiver.receive(frame)
    receiver._worker = Silent()
    for frame in sender.complete():
        receiver.receive(frame)
    with pytest.raises(EngineFault):
        receiver.result()


def test_steps_out_of_turn_are_faults_of_our_own(worker: Recorder, make_lane: MakeLane) -> None:
    receiver = OpenMinedReceiver(make_lane(range(8), 8), worker)
    sender = OpenMinedSender(make_lane(range(8), 8), worker)
    with pytest.raises(EngineFault, match="before the whole request"):
        sender.complete()
    with pytest.raises(EngineFault, match="before every response"):
        receiver.result()
    (request,) = receiver.start()
    list(sender.start())
    sender.receive(request)
    list(sender.complete())
    for step in (receiver.start, sender.start, sender.complete):
        with pytest.raises(EngineFault, match="twice"):
            step()


def test_responses_that_make_a_fill_item_match_are_refused(worker: Recorder, make_lane: MakeLane) -> None:
    receiver = OpenMinedReceiver(make_lane(range(3), 8), worker)
    sender = OpenMinedSender(make_lane(range(8), 3), worker)
    (request,), (setup,) = receiver.start(), sender.start()
    sender.receive(request)
    receiver.receive(setup)
    (response,) = sender.complete()
    # Turned by one place, at least one of three true matches stands where one of five fill items was sent.
    receiver.receive(response[POINT_BYTES:] + response[:POINT_BYTES])
    with pytest.raises(ProtocolFault, match="random fill item"):
        receiver.result()
