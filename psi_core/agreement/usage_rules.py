"""Rules about the agreement's standing and what has happened under it. Their order stands in policy.py.

A rule returns nothing, or raises Refused with its code and words.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from psi_core.agreement.agreement import Agreement
from psi_core.agreement.debit import own_debits
from psi_core.agreement.question import Question, Usage
from psi_core.agreement.refusal import day, refused
from psi_core.errors import Refused
from psi_core.identity.instant import instant, moment

CLOCK_SKEW = timedelta(minutes=5)
"""How far two labs' clocks may differ at the edge of a period."""


def counter(question: Question, agreement: Agreement | None, usage: Usage, now: datetime) -> None:
    """Counters of an ordered pair follow each other; a step left out has to be accounted for as a `gap`."""
    if usage.got_counter != usage.expected_counter:
        raise out_of_turn(agreement, usage.got_counter, usage.expected_counter)


def out_of_turn(agreement: Agreement | None, got: int, expected: int) -> Refused:
    """The refusal of a counter that does not follow."""
    return refused(
        agreement,
        "counter",
        f"counter: {got} came where {expected} was due",
        "The next offer counts from the highest counter that its own lab signed.",
    )


def not_in_force(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Both labs signed this agreement, it is between these two, and its first day has come."""
    if {question.initiator, question.responder} != set(
        agreement.labs
    ) or question.own_lab not in agreement.labs:
        raise refused(
            agreement,
            "not_in_force",
            "agreement: it is between other labs",
            "Name the agreement of these two labs.",
        )
    if usage.state not in ("in_force", "revoked"):
        raise refused(
            agreement,
            "not_in_force",
            "agreement: not signed by both labs",
            "Accept it first: psi agreements accept.",
        )
    if now < moment(agreement.valid_from):
        raise refused(
            agreement,
            "not_in_force",
            f"agreement: in force only from {day(moment(agreement.valid_from))}",
            "Wait, or agree on an earlier start.",
        )


def revoked(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Neither lab has revoked it."""
    if usage.state == "revoked":
        raise refused(agreement, "revoked", "agreement: revoked", "Propose and accept a new one.")


def expired(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Its last moment has not come (`valid_until` itself is outside)."""
    if now >= moment(agreement.valid_until):
        raise refused(
            agreement,
            "expired",
            f"agreement: it ended on {day(moment(agreement.valid_until))}",
            "Propose and accept a new one.",
        )


def period(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """The period named is that of this clock, or its neighbour within CLOCK_SKEW of the edge between them."""
    earliest, latest = agreement.period_at(now - CLOCK_SKEW), agreement.period_at(now + CLOCK_SKEW)
    if question.period < 0 or not earliest <= question.period <= latest:
        raise refused(
            agreement,
            "period",
            f"period: {question.period} asked, it is period {agreement.period_at(now)} here",
            "Set both labs' clocks; they may differ by 5 minutes.",
        )


def evaluations_per_period(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """What the other lab has tested in this period and would test now stays within its budget."""
    for debit in own_debits(question):
        budget = agreement.terms(debit.match_key).evaluations_per_period
        left = max(0, budget - usage.spent.get((debit.match_key, debit.receiver), 0))
        if debit.evaluations > left:
            raise refused(
                agreement,
                "evaluations_per_period",
                f"budget: {debit.evaluations:,} evaluations of {debit.match_key} asked, {left:,} left "
                f"until {day(agreement.period_ends(question.period))}",
                "Send fewer items or agree on a larger budget.",
            )


def minimum_interval(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Enough time has passed since the last session of this ordered pair that logged a pre-record."""
    if usage.last_pre_record is None:
        return
    next_time = usage.last_pre_record + timedelta(seconds=agreement.minimum_interval_seconds)
    if now < next_time:
        raise refused(
            agreement,
            "minimum_interval",
            f"interval: the next session of this pair may start at {instant(next_time)}",
            "Wait, or agree on a shorter interval.",
        )


def previous(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """The Offer continues from the last record that both labs signed."""
    if not hmac.compare_digest(usage.got_previous, usage.expected_previous):
        raise refused(
            agreement,
            "previous",
            "previous: the offer does not follow the last record that both labs signed",
            "Settle the last session, then offer again.",
        )


def late_aborts(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """The pair has not broken off too often after a pre-record, when a receiver may have learned already."""
    if usage.late_aborts > agreement.late_abort_limit:
        raise refused(
            agreement,
            "late_aborts",
            f"late aborts: {usage.late_aborts:,} sessions of this period broke after a pre-record, "
            f"at most {agreement.late_abort_limit:,} may",
            "Find out why sessions break; the next period counts anew.",
        )


def concurrent(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """At most one session of one agreement and order is open at a time."""
    if usage.open_sessions:
        raise refused(
            agreement,
            "concurrent",
            "concurrent: a session of this agreement in the same order is open",
            "Try again when it has ended.",
        )
