"""Who learns, who serves, who signs first: all that follows from a session's direction."""

from __future__ import annotations

from typing import Literal

from psi_core.session.opening import Direction

Side = Literal["initiator", "responder"]

RECEIVER_OF_RUN: tuple[Side, Side] = ("initiator", "responder")
"""Run 0 of a lane has the initiator as receiver, run 1 the responder."""


def runs(direction: Direction) -> tuple[int, ...]:
    """Runs of every lane, in order. `both` makes two: the initiator's as receiver first."""
    return {"initiator": (0,), "responder": (1,), "both": (0, 1)}[direction]


def receivers(direction: Direction) -> tuple[Side, ...]:
    """The sides that learn."""
    return tuple(RECEIVER_OF_RUN[run] for run in runs(direction))


def first_signer(direction: Direction) -> Side:
    """Who signs the record first: the receiver; with `both`, the initiator."""
    return receivers(direction)[0]


def other(side: Side) -> Side:
    """The other side."""
    return "responder" if side == "initiator" else "initiator"
