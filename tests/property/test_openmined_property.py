"""Whatever the two sets are, openmined finds their intersection, bucket by bucket, and in count mode its size."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi_client.openmined_worker import serve
from psi_client.worker_pipe import Status
from psi_core.engines.interface import LaneContext, Outcome, Reveal
from psi_core.engines.openmined.buckets import spread
from psi_core.engines.openmined.parameters import bucket_parameters
from psi_core.engines.openmined.points import MAX_FRAME_POINTS, PointReader, cut_frames
from psi_core.engines.openmined.receiver import OpenMinedReceiver
from psi_core.engines.openmined.sender import OpenMinedSender
from psi_core.errors import ProtocolFault

needs_wheel = pytest.mark.skipif(
    (platform.machine(), sys.platform) not in {("x86_64", "linux"), ("arm64", "darwin")},
    reason="openmined-psi has no wheel for this platform",
)

# Small numbers, so that two sets drawn apart overlap.
numbers = st.lists(st.integers(0, 24), min_size=1, max_size=12, unique=True)


class InProcessWorker:
    """Serves orders as a child would."""

    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        for order in orders:
            status, answer = serve(order)
            assert status is Status.OK
            yield answer


def items(drawn: list[int]) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in drawn]


def run(own: list[int], peer: list[int], buckets: int, reveal: Reveal) -> Outcome:
    parameters = {"buckets": buckets, "bucket_size": max(len(own), len(peer))}
    worker = InProcessWorker()
    receiver = OpenMinedReceiver(LaneContext("email", items(own), len(peer), parameters, reveal), worker)
    sender = OpenMinedSender(LaneContext("email", items(peer), len(own), parameters, reveal), worker)
    for frame in receiver.start():
        sender.receive(frame)
    for frame in sender.start():
        receiver.receive(frame)
    for frame in sender.complete():
        receiver.receive(frame)
    return receiver.result()


@needs_wheel
@settings(deadline=None, max_examples=25)
@given(own=numbers, peer=numbers, buckets=st.integers(1, 4))
def test_items_are_the_intersection_at_the_receivers_positions(
    own: list[int], peer: list[int], buckets: int
) -> None:
    common = set(own) & set(peer)
    outcome = run(own, peer, buckets, "items")
    assert outcome.positions == tuple(position for position, number in enumerate(own) if number in common)
    assert outcome.count == len(common)


@needs_wheel
@settings(deadline=None, max_examples=25)
@given(own=numbers, peer=numbers)
def test_count_is_the_size_of_the_intersection_and_nothing_else(own: list[int], peer: list[int]) -> None:
    assert run(own, peer, 1, "count") == Outcome(None, len(set(own) & set(peer)))


@settings(max_examples=50)
@given(
    xs=st.sets(st.integers(0, 2**255), min_size=1, max_size=30),
    buckets=st.integers(1, 3),
    junk=st.binary(max_size=40),
)
def test_a_reader_takes_what_was_cut_and_nothing_more(xs: set[int], buckets: int, junk: bytes) -> None:
    bucket = b"".join(b"\x03" + x.to_bytes(32) for x in sorted(xs))
    reader = PointReader("request", buckets, len(xs), ascending=True)
    for number in range(buckets):
        assert not reader.complete, number
        taken = [reader.take(frame) for frame in cut_frames(bucket)]
        assert taken == [bucket]
    assert reader.complete
    with pytest.raises(ProtocolFault):
        reader.take(junk)


@settings(max_examples=200)
@given(frame=st.binary(max_size=200) | st.binary(min_size=99, max_size=99))
def test_bytes_are_a_bucket_only_if_they_are_distinct_points(frame: bytes) -> None:
    reader = PointReader("request", 1, 3, ascending=False)
    points = [frame[at : at + 33] for at in range(0, len(frame), 33)]
    good = len(frame) == 99 and all(point[0] in (2, 3) for point in points) and len(set(points)) == 3
    if good and all(point[1:5] != b"\xff\xff\xff\xff" for point in points):
        assert reader.take(frame) == frame
    elif not good:
        with pytest.raises(ProtocolFault):
            reader.take(frame)


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 60_000), seed=st.binary(min_size=8, max_size=8))
def test_items_of_a_lane_fit_its_buckets(size: int, seed: bytes) -> None:
    buckets, bucket_size = bucket_parameters(size, 1, "items")
    stream = hashlib.shake_256(seed).digest(8 * size)
    drawn = [stream[8 * at : 8 * at + 8] + bytes(24) for at in range(size)]
    filled = [len(positions) for positions in spread(drawn, buckets, bucket_size)]
    assert len(filled) == buckets
    assert sum(filled) == size
    assert bucket_size <= MAX_FRAME_POINTS  # so a bucket is one frame
