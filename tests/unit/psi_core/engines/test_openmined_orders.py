"""Orders and answers: exact, and nothing secret in what people may see."""

from __future__ import annotations

import pytest

from psi_core.engines.openmined.orders import (
    MAX_ORDER_BYTES,
    Operation,
    Order,
    count_answer,
    encode_numbers,
    matches_answer,
    points_answer,
)
from psi_core.errors import EngineFault

KEY = bytes(range(32))
UNIT = {Operation.SETUP: 32, Operation.REQUEST: 32, Operation.RESPOND: 33, Operation.INTERSECT: 66}


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("reveal_items", [True, False])
def test_what_is_encoded_is_decoded(operation: Operation, reveal_items: bool) -> None:
    order = Order(operation, reveal_items, KEY, bytes(3 * UNIT[operation]))
    assert Order.decode(order.encode()) == order
    assert order.count == 3


def test_the_bytes_are_as_the_table_says() -> None:
    encoded = Order(Operation.RESPOND, True, KEY, bytes([2]) * 33).encode()
    assert encoded.hex() == "0301" + "00000001" + KEY.hex() + "02" * 33


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("change", [-1, 1])
def test_a_length_that_the_count_does_not_give_is_refused(operation: Operation, change: int) -> None:
    encoded = Order(operation, True, KEY, bytes(2 * UNIT[operation])).encode()
    with pytest.raises(EngineFault, match="length"):
        Order.decode((encoded + b"\0")[: len(encoded) + change])


@pytest.mark.parametrize("head", [b"\x00\x01", b"\x05\x01", b"\xff\x01", b"\x01\x02"])
def test_an_unknown_operation_or_reveal_is_refused(head: bytes) -> None:
    encoded = Order(Operation.SETUP, True, KEY, bytes(32)).encode()
    with pytest.raises(EngineFault, match="no known operation"):
        Order.decode(head + encoded[2:])


@pytest.mark.parametrize("size", [0, 5, 38, MAX_ORDER_BYTES + 1])
def test_an_empty_or_enormous_order_is_refused(size: int) -> None:
    with pytest.raises(EngineFault, match="too short or too long"):
        Order.decode(bytes(size))


def test_neither_key_nor_items_are_shown() -> None:
    shown = repr(Order(Operation.SETUP, True, b"K" * 32, b"I" * 32))
    assert "KK" not in shown
    assert "II" not in shown


def test_answers_of_the_right_shape_are_read() -> None:
    assert points_answer(bytes(66), 2) == bytes(66)
    assert matches_answer(encode_numbers([0, 2, 7]), 8) == [0, 2, 7]
    assert matches_answer(b"", 8) == []
    assert count_answer(encode_numbers([8]), 8) == 8


@pytest.mark.parametrize("size", [0, 65, 67, 33, 99])
def test_another_number_of_points_is_refused(size: int) -> None:
    with pytest.raises(EngineFault, match="number of points"):
        points_answer(bytes(size), 2)


@pytest.mark.parametrize("numbers", [[8], [0, 0], [2, 1], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_matches_that_cannot_be_are_refused(numbers: list[int]) -> None:
    with pytest.raises(EngineFault, match="openmined"):
        matches_answer(encode_numbers(numbers), 8)


@pytest.mark.parametrize("answer", [b"", b"\0\0\0", b"\0\0\0\x09", b"\0\0\0\0\x01", b"\0\0\0\0\0\0\0\1"])
def test_a_count_that_cannot_be_is_refused(answer: bytes) -> None:
    with pytest.raises(EngineFault, match="cannot be"):
        count_answer(answer, 8)


def test_a_cut_list_of_matches_is_refused() -> None:
    with pytest.raises(EngineFault, match="length"):
        matches_answer(b"\0\0\0", 8)
