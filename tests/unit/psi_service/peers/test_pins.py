"""The pin board: one view at a time, no two labs with one certificate."""

from __future__ import annotations

import pytest

from psi_core.errors import Conflict
from psi_service.peers.pins import Pin, PinBoard

A = Pin("lab-a.example", b"a" * 32, b"pem a")
B = Pin("lab-b.example", b"b" * 32, b"pem b")


def test_pins_are_found_by_lab_and_by_value():
    pins = PinBoard()
    assert pins.all() == ()
    pins.replace([B, A])
    assert pins.all() == (A, B)
    assert (pins.of_lab("lab-a.example"), pins.of_value(b"b" * 32)) == (A, B)
    assert (pins.of_lab("lab-z.example"), pins.of_value(b"z" * 32)) == (None, None)
    pins.replace([B])
    assert (pins.of_lab("lab-a.example"), pins.of_value(b"a" * 32)) == (None, None)


@pytest.mark.parametrize(
    "clash", [Pin("lab-c.example", A.value, b"pem c"), Pin("lab-a.example", b"c" * 32, b"pem c")]
)
def test_a_clash_changes_nothing(clash):
    pins = PinBoard()
    pins.replace([A])
    with pytest.raises(Conflict):
        pins.replace([A, clash])
    assert pins.all() == (A,)


def test_watchers_hear_of_a_change_when_it_is_in_force():
    pins = PinBoard()
    heard = []
    pins.watch(lambda: heard.append(pins.all()))
    pins.replace([A])
    pins.replace([])
    assert heard == [(A,), ()]
