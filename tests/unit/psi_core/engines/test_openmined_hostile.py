"""A peer's frames that openmined-psi could not bear are refused before any child sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from psi_core.engines.interface import LaneContext, Reveal, Worker
from psi_core.engines.openmined.orders import Operation
from psi_core.engines.openmined.points import POINT_BYTES, split_points
from psi_core.engines.openmined.receiver import OpenMinedReceiver
from psi_core.engines.openmined.sender import OpenMinedSender
from psi_core.errors import EngineFault, ProtocolFault

MakeLane = Callable[..., LaneContext]
SIZE = 8

# Serialised ServerSetup messages of openmined-psi 2.0.6 (psi.proto: field 1 raw, 2 gcs, 3 bloom_filter). What each
# does to a process that parses it was seen with that version; test_worker_pool.py shows the first four.
SETUPS = {
    "GCS with hash_range 0: SIGABRT": bytes.fromhex("120608011a020102"),
    "Bloom filter without bits: SIGABRT": bytes.fromhex("1a020803"),
    "Bloom filter with 2^31 - 1 hash functions: spins": bytes.fromhex("1a0908ffffffff071201ff"),
    "GCS with div -1: spins": bytes.fromhex("121708ffffffffffffffffff0110641a08" + "ff" * 8),
    "no container at all: RuntimeError": b"",
}


class Recorder(Worker, Protocol):
    """The fixture `worker`: it remembers what it was asked for."""

    operations: list[Operation]


class Session:
    """Both machines, with everything open but the frames under test."""

    def __init__(self, worker: Recorder, make_lane: MakeLane, reveal: Reveal = "items") -> None:
        self.worker = worker
        self.receiver = OpenMinedReceiver(make_lane(range(SIZE), SIZE, reveal=reveal), worker)
        self.sender = OpenMinedSender(make_lane(range(4, 4 + SIZE), SIZE, reveal=reveal), worker)
        (self.request,) = self.receiver.start()
        (self.setup,) = self.sender.start()

    def respond(self) -> bytes:
        self.sender.receive(self.request)
        self.receiver.receive(self.setup)
        (response,) = self.sender.complete()
        return response

    def no_child_saw_it(self) -> bool:
        return Operation.INTERSECT not in self.worker.operations


@pytest.fixture(params=["items", "count"])
def session(request: pytest.FixtureRequest, worker: Recorder, make_lane: MakeLane) -> Session:
    return Session(worker, make_lane, request.param)


def padded(message: bytes) -> bytes:
    """The message at the one length that a frame may have."""
    return (message + bytes(SIZE * POINT_BYTES))[: SIZE * POINT_BYTES]


@pytest.mark.parametrize("message", SETUPS.values(), ids=SETUPS.keys())
def test_set_ups_that_kill_or_stall_the_library_are_refused(session: Session, message: bytes) -> None:
    for frame in (message, padded(message)):
        with pytest.raises(ProtocolFault):
            session.receiver.receive(frame)
    assert not session.receiver.opened
    assert session.no_child_saw_it()


def serialised(points: list[bytes]) -> bytes:
    """The library's Response message of these points: field 1, each with its length."""
    return b"".join(b"\x0a\x21" + point for point in points)


@pytest.mark.parametrize("kept", [0, 1, SIZE - 1])
def test_a_response_of_fewer_points_than_the_request_is_refused(session: Session, kept: int) -> None:
    """The library takes it and returns a wrong result."""
    points = split_points(session.respond())[:kept]
    for frame in (b"".join(points), serialised(points), padded(serialised(points))):
        with pytest.raises(ProtocolFault):
            session.receiver.receive(frame)
    assert not session.receiver.done
    assert session.no_child_saw_it()
    with pytest.raises(EngineFault, match="before every response"):
        session.receiver.result()


def test_a_set_up_that_is_not_sorted_is_refused(session: Session) -> None:
    """The library takes it and misses matches."""
    turned = b"".join(reversed(split_points(session.setup)))
    with pytest.raises(ProtocolFault, match="not sorted"):
        session.receiver.receive(turned)


def test_a_set_up_of_identical_points_is_refused(session: Session) -> None:
    with pytest.raises(ProtocolFault, match="comes twice"):
        session.receiver.receive(session.setup[:POINT_BYTES] * SIZE)


def test_a_request_that_repeats_a_point_is_refused(session: Session) -> None:
    """With reveal count it would tell the receiver, by how often a response comes, which of its items match."""
    with pytest.raises(ProtocolFault, match="comes twice"):
        session.sender.receive(session.request[:-POINT_BYTES] + session.request[:POINT_BYTES])
    assert not session.sender.opened
    assert Operation.RESPOND not in session.worker.operations


def test_a_response_that_repeats_a_point_is_refused(session: Session) -> None:
    response = session.respond()
    with pytest.raises(ProtocolFault, match="comes twice"):
        session.receiver.receive(response[:POINT_BYTES] + response[:-POINT_BYTES])
    assert session.no_child_saw_it()


def test_with_count_a_response_in_the_requests_order_is_refused(
    worker: Recorder, make_lane: MakeLane
) -> None:
    session = Session(worker, make_lane, "count")
    response = session.respond()
    with pytest.raises(ProtocolFault, match="not sorted"):
        session.receiver.receive(response[POINT_BYTES:] + response[:POINT_BYTES])


@pytest.mark.parametrize("bad", [b"\x04" + bytes(32), b"\x00" + bytes(32), b"\x02" + b"\xff" * 32])
def test_bytes_that_are_no_point_are_refused_in_every_message(session: Session, bad: bytes) -> None:
    broken = bad + session.request[POINT_BYTES:]
    with pytest.raises(ProtocolFault):
        session.sender.receive(broken)
    with pytest.raises(ProtocolFault):
        session.receiver.receive(broken)
    session.respond()
    with pytest.raises(ProtocolFault):
        session.receiver.receive(broken)
    assert session.no_child_saw_it()


@pytest.mark.parametrize("change", [-POINT_BYTES, -1, 1, POINT_BYTES, 1 << 20])
def test_truncated_and_oversized_frames_are_refused_in_every_message(session: Session, change: int) -> None:
    def resized(frame: bytes) -> bytes:
        return (frame + bytes(1 << 20))[: len(frame) + change]

    with pytest.raises(ProtocolFault, match="are due"):
        session.sender.receive(resized(session.request))
    with pytest.raises(ProtocolFault, match="are due"):
        session.receiver.receive(resized(session.setup))
    response = session.respond()
    with pytest.raises(ProtocolFault, match="are due"):
        session.receiver.receive(resized(response))
    assert session.no_child_saw_it()


def test_frames_after_the_last_are_refused(session: Session) -> None:
    response = session.respond()
    with pytest.raises(ProtocolFault, match="after the last request frame"):
        session.sender.receive(session.request)
    session.receiver.receive(response)
    assert session.receiver.done
    for late in (response, session.setup, b""):
        with pytest.raises(ProtocolFault, match="after the last response frame"):
            session.receiver.receive(late)
    assert session.receiver.result().count == 4


def test_a_response_before_the_request_was_sent_is_refused(worker: Recorder, make_lane: MakeLane) -> None:
    receiver = OpenMinedReceiver(make_lane(range(SIZE), SIZE), worker)
    (setup,) = OpenMinedSender(make_lane(range(SIZE), SIZE), worker).start()
    receiver.receive(setup)
    with pytest.raises(ProtocolFault, match="before the request was sent"):
        receiver.receive(setup)


def off_curve() -> bytes:
    """A well-formed point encoding whose x lies on no point (SEC 2: y^2 = x^3 - 3x + b; Euler's criterion)."""
    prime = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    x = next(x for x in range(1, 100) if pow(x**3 - 3 * x + b, (prime - 1) // 2, prime) == prime - 1)
    return b"\x02" + x.to_bytes(32)


def test_a_request_off_the_curve_is_refused_by_the_library(session: Session) -> None:
    session.sender.receive(off_curve() + session.request[POINT_BYTES:])
    with pytest.raises(EngineFault, match="REFUSED"):
        list(session.sender.complete())


def test_a_response_off_the_curve_is_refused_by_the_library(session: Session) -> None:
    response = session.respond()
    session.receiver.receive(off_curve() + response[POINT_BYTES:])  # also the least of the sorted ones
    with pytest.raises(EngineFault, match="REFUSED"):
        session.receiver.result()
