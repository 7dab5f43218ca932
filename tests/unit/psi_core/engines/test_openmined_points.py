"""Points and frames: what is cut can be read back, and nothing else can."""

from __future__ import annotations

import pytest

from psi_core.engines.openmined.points import MAX_FRAME_POINTS, PointReader, cut_frames, split_points
from psi_core.errors import ProtocolFault

# SEC 2 version 2, section 2.4.2: the field's prime of secp256r1, and the x of its base point.
PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
BASE_X = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296


def point(x: int, first: int = 2) -> bytes:
    return bytes([first]) + x.to_bytes(32)


def reader(buckets: int = 1, bucket_size: int = 3, *, ascending: bool = False) -> PointReader:
    return PointReader("request", buckets, bucket_size, ascending=ascending)


def test_a_bucket_is_cut_into_frames_of_at_most_one_mebibyte_and_read_back() -> None:
    bucket = b"".join(point(x) for x in range(2 * MAX_FRAME_POINTS + 7))
    frames = list(cut_frames(bucket))
    assert [len(frame) for frame in frames] == [1_048_575, 1_048_575, 7 * 33]
    reading = reader(1, 2 * MAX_FRAME_POINTS + 7, ascending=True)
    assert [reading.take(frame) for frame in frames] == [None, None, bucket]
    assert reading.complete


def test_order_is_checked_across_the_frames_of_a_bucket() -> None:
    frames = list(cut_frames(b"".join(point(x) for x in range(MAX_FRAME_POINTS)) + point(0, 2)))
    reading = reader(1, MAX_FRAME_POINTS + 1, ascending=True)
    reading.take(frames[0])
    with pytest.raises(ProtocolFault, match="not sorted, or one comes twice"):
        reading.take(frames[1])


def test_buckets_come_one_after_the_other() -> None:
    reading = reader(2, 2)
    first, second = point(1) + point(2, 3), point(2) + point(1)
    assert reading.take(first) == first
    assert not reading.complete
    assert reading.take(second) == second
    assert reading.complete


@pytest.mark.parametrize("size", [0, 1, 32, 33, 66, 98, 100, 132, 1 << 20])
def test_a_frame_of_any_other_length_is_refused(size: int) -> None:
    reading = reader()
    with pytest.raises(ProtocolFault, match="99 are due"):
        reading.take((point(1) + point(2) + point(3) + bytes(1 << 20))[:size])
    assert not reading.complete


def test_one_frame_more_is_refused() -> None:
    reading = reader(1, 1)
    reading.take(point(1))
    with pytest.raises(ProtocolFault, match="after the last request frame"):
        reading.take(point(2))


@pytest.mark.parametrize("first", [0, 1, 4, 6, 7, 0x0A, 0x12, 0x1A, 255])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_first_byte_other_than_02_or_03_is_refused(first: int, place: int) -> None:
    points = [point(1), point(2), point(3)]
    points[place] = point(place + 1, first)
    with pytest.raises(ProtocolFault, match="02 or 03"):
        reader().take(b"".join(points))


@pytest.mark.parametrize("x", [PRIME, PRIME + 1, 2**256 - 1])
@pytest.mark.parametrize("first", [2, 3])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_x_outside_the_field_is_refused(x: int, first: int, place: int) -> None:
    points = [point(1), point(2), point(3)]
    points[place] = point(x, first)
    with pytest.raises(ProtocolFault, match="field's prime"):
        reader().take(b"".join(points))


def test_every_x_of_the_field_passes() -> None:
    frame = point(0) + point(BASE_X, 3) + point(PRIME - 1)
    assert reader().take(frame) == frame


def test_a_point_that_comes_twice_in_a_bucket_is_refused() -> None:
    with pytest.raises(ProtocolFault, match="comes twice"):
        reader().take(point(3) + point(1) + point(3))


def test_the_same_x_with_either_sign_is_two_points() -> None:
    frame = point(3) + point(1) + point(3, 3)
    assert reader().take(frame) == frame


@pytest.mark.parametrize("xs", [(1, 3, 2), (1, 1, 2), (1, 2, 2), (2, 1, 3)])
def test_points_that_must_be_sorted_and_are_not_are_refused(xs: tuple[int, ...]) -> None:
    with pytest.raises(ProtocolFault, match="not sorted, or one comes twice"):
        reader(ascending=True).take(b"".join(map(point, xs)))


def test_split_points_gives_each_point() -> None:
    assert split_points(point(1) + point(2, 3)) == [point(1), point(2, 3)]
    assert split_points(b"") == []
