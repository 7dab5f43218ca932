"""What a session costs: per lane and receiver, the evaluations that the engine lets that receiver make.

The same arithmetic runs in both nodes and in the auditor. A debit is what the engine allows, never what the
peer says it will use, and it is never returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psi_core.agreement.question import Question
from psi_core.errors import InvalidText


@dataclass(frozen=True)
class Debit:
    """One line: `receiver` may test `evaluations` values of `match_key` in lane number `lane` (from 0)."""

    lane: int
    match_key: str
    receiver: str
    evaluations: int


def receivers(direction: str, initiator: str, responder: str) -> tuple[str, ...]:
    """The labs that learn, in the order of their runs; raises InvalidText for an unknown direction."""
    if direction == "initiator":
        return (initiator,)
    if direction == "responder":
        return (responder,)
    if direction == "both":
        return (initiator, responder)
    raise InvalidText("a direction is one of initiator, responder, both")


def debits(question: Question) -> tuple[Debit, ...]:
    """Every line of a session: lanes in order, in each lane the receivers in the order of their runs."""
    learning = receivers(question.direction, question.initiator, question.responder)
    return tuple(
        Debit(number, lane.match_key, receiver, lane.evaluations)
        for number, lane in enumerate(question.lanes)
        for receiver in learning
    )


def own_debits(question: Question) -> tuple[Debit, ...]:
    """The lines that `own_lab` writes down and checks: those where the other lab is the receiver."""
    return tuple(debit for debit in debits(question) if debit.receiver == question.peer)


def spent(lines: Iterable[Debit]) -> dict[tuple[str, str], int]:
    """Sum lines of one agreement and period per budget: (match key, receiving lab) to evaluations."""
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        budget = (line.match_key, line.receiver)
        sums[budget] = sums.get(budget, 0) + line.evaluations
    return sums
