"""May this session run? One pure function, the same at both nodes and later in the auditor.

    Offer comes in   -> decide_offer   the cheap rules: nothing is frozen for a peer that fails them
    sizes are known  -> decide         all rules; then the node debits `own_debits` in the same transaction

Nothing here reads a clock or a store: the caller brings what it knows as Usage, and the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from psi_core.agreement import terms_rules, usage_rules
from psi_core.agreement.agreement import Agreement
from psi_core.agreement.question import LaneQuestion, Question, Usage
from psi_core.agreement.refusal import refused

__all__ = ["RULES", "LaneQuestion", "Question", "Rule", "Usage", "decide", "decide_offer", "refuse_unknown"]


@dataclass(frozen=True)
class Rule:
    """One rule: its stable code, its function, and whether it can be asked before the other side's sizes."""

    code: str
    check: Callable[[Question, Agreement, Usage, datetime], None]
    cheap: bool


RULES: tuple[Rule, ...] = (
    # First, so that a gap in the counters is always accounted for, whatever else is wrong with an offer.
    Rule("counter", usage_rules.counter, cheap=True),
    Rule("not_in_force", usage_rules.not_in_force, cheap=True),
    Rule("revoked", usage_rules.revoked, cheap=True),
    Rule("expired", usage_rules.expired, cheap=True),
    Rule("protocol", terms_rules.protocol, cheap=True),
    Rule("profile", terms_rules.profile, cheap=True),
    Rule("consortium_key", terms_rules.consortium_key, cheap=True),
    Rule("period", usage_rules.period, cheap=True),
    Rule("match_key", terms_rules.match_key, cheap=True),
    Rule("direction", terms_rules.direction, cheap=True),
    Rule("reveal", terms_rules.reveal, cheap=True),
    Rule("labels", terms_rules.labels, cheap=True),
    Rule("engine", terms_rules.engine, cheap=True),
    Rule("variant", terms_rules.variant, cheap=True),
    Rule("padding_bucket", terms_rules.offered_padding, cheap=True),
    Rule("size_cap", terms_rules.offered_size, cheap=True),
    Rule("padding_bucket", terms_rules.padding, cheap=False),
    Rule("size_cap", terms_rules.size_cap, cheap=False),
    Rule("evaluations_per_period", usage_rules.evaluations_per_period, cheap=False),
    Rule("minimum_interval", usage_rules.minimum_interval, cheap=True),
    Rule("late_aborts", usage_rules.late_aborts, cheap=True),
    Rule("previous", usage_rules.previous, cheap=True),
    # Last: it is the one refusal that jobs retry, so nothing permanent may hide behind it.
    Rule("concurrent", usage_rules.concurrent, cheap=True),
)
"""Every rule in the order of asking; the first that refuses speaks."""


def decide_offer(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Ask the cheap rules; `now` is timezone-aware. Raises Refused."""
    for rule in RULES:
        if rule.cheap:
            rule.check(question, agreement, usage, now)


def decide(question: Question, agreement: Agreement, usage: Usage, now: datetime) -> None:
    """Ask every rule; `now` is timezone-aware. Raises Refused."""
    for rule in RULES:
        rule.check(question, agreement, usage, now)


def refuse_unknown(question: Question, usage: Usage, now: datetime) -> NoReturn:
    """Refuse an offer under an agreement that this node does not have (`counter` or `not_in_force`)."""
    usage_rules.counter(question, None, usage, now)
    raise refused(
        None,
        "not_in_force",
        "agreement: the one that the offer names is not known here",
        "Propose it first: psi agreements propose.",
    )
