"""Who learns, who serves, who signs first: all that follows from a session's direction."""

from __future__ import annotations

from typing import Literal

from psi_core.session.opening import Direction

Side = Literal["initiator", "responder"]

RECEIVER_OF_RUN: tuple[Side, Side] = ("initiator", "responder")
"""Run 0 of a lane has the initiator as receiver, run 1 the responder."""


def runs(direction: Direction, *, one_for_both: bool = False) -> tuple[int, ...]:
    """Runs of a lane, in order.

    `both` makes two, the initiator's as receiver first; or, where the engine returns values (`one_for_both`), one
    in which the initiator receives and the responder learns from what comes back.
    """
    if direction == "both":
        return (0,) if one_for_both else (0, 1)
    return (0,) if direction == "initiator" else (1,)


def receivers(direction: Direction) -> tuple[Side, ...]:
    """The sides that learn."""
    return RECEIVER_OF_RUN if direction == "both" else (direction,)


def first_signer(direction: Direction) -> Side:
    """Who signs the record first: the receiver; with `both`, the initiator."""
    return receivers(direction)[0]


def other(side: Side) -> Side:
    """The other side."""
    return "responder" if side == "initiator" else "initiator"
