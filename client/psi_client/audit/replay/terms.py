"""The node's own policy asked again for every session that was accepted, with what the log says until then.

The same rules run here as in both nodes (psi_core.agreement.policy). Budgets are added up by the period number
in the offers, from what each engine lets the other lab evaluate; debits that the log states must be these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from psi_client.audit.facts import Faults
from psi_client.audit.replay.case import Case, Step
from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.agreement.debit import own_debits, spent
from psi_core.agreement.policy import RULES, Question, Usage
from psi_core.engines import questions
from psi_core.engines.registry import known_engines
from psi_core.errors import PsiError, Refused
from psi_core.identity.instant import moment
from psi_core.log.entry import EntryKind
from psi_core.session.opening import Abort, Accept, Offer

ELSEWHERE = frozenset({"counter", "previous", "concurrent"})
"""Rules that other topics answer (counters.py, chain.py), or that leave no trace in a log."""
_ASKED = tuple(rule for rule in RULES if rule.code not in ELSEWHERE)
BUDGETS = frozenset({"evaluations_per_period"})
PACE = frozenset({"minimum_interval", "late_aborts"})
ELSEWHERE_LOGGED = -1
"""Position of an agreement that the log before this one holds."""
CLOCK_GRAIN = timedelta(seconds=2)
"""A node asks its clock for the decision and again for the entry: the entry may be this much later."""


@dataclass
class _Account:
    """What one agreement has come to: budgets by (period, match key, receiver), late aborts by (pair, period)."""

    agreement: Agreement
    position: int
    spent: dict[tuple[int, str, str], int] = field(default_factory=dict)
    late: dict[tuple[str, str, int], int] = field(default_factory=dict)


class Terms:
    """Agreements of the log of `own_lab` and what ran under them. `faults` holds breaches of the agreement itself."""

    KINDS: ClassVar = frozenset(
        {EntryKind.AGREEMENT, EntryKind.REVOCATION, EntryKind.DECISION, EntryKind.PRE_RECORD, EntryKind.ABORT}
    )

    def __init__(self, own_lab: str) -> None:
        self.faults = Faults()
        self.budgets = Faults()
        self.pace = Faults()
        self.sessions = 0
        self.cited: set[int] = set()
        self._own_lab = own_lab
        self._accounts: dict[str, _Account] = {}
        self._revoked: set[str] = set()
        self._last_pre_record: dict[tuple[str, str], datetime] = {}

    def take(self, step: Step) -> None:
        """Look at agreements, revocations, acceptances, pre-records and late aborts."""
        text = step.opened.text if step.opened else None
        if isinstance(text, Agreement) and step.opened and step.opened.signed >= set(text.labs):
            self._accounts.setdefault(step.opened.hash.hex(), _Account(text, step.position))
        elif isinstance(text, Revocation):
            self._revoked.add(text.agreement)
        elif step.case is None or step.case.offer is None:
            return
        elif accept := step.accepted:
            self._accepted(step, step.case.offer, accept)
        elif step.kind is EntryKind.PRE_RECORD and not step.case.pre_records and not step.recovered:
            pair, at = _pair(step.case.offer), moment(step.time)
            self._last_pre_record[pair] = max(at, self._last_pre_record.get(pair, at))
        elif isinstance(text, Abort) and text.late:
            self._late(step.case)

    def carry_on(self) -> None:
        """What follows is another log: no entry of it is cited yet, and agreements stand in the one before."""
        self.budgets, self.pace = Faults(), Faults()
        self.sessions = 0
        self.cited = set()
        for account in self._accounts.values():
            account.position = ELSEWHERE_LOGGED

    def finish(self) -> None:
        """Nothing is left open."""

    def _accepted(self, step: Step, offer: Offer, accept: Accept) -> None:
        self.sessions += 1
        account = self._accounts.get(offer.agreement)
        if account is None:
            words = "under an agreement that no earlier entry holds with both signatures"
            self.faults.add(f"entry {step.position} accepts a session {words}", step.position)
            return
        if account.position != ELSEWHERE_LOGGED:
            self.cited.add(account.position)
        try:
            questions.check_parameters(offer, accept, known_engines())
            question = questions.of_accept(offer, accept, self._own_lab, known_engines())
        except (PsiError, KeyError, ValueError):
            words = "with lanes whose cost cannot be computed"
            self.faults.add(f"entry {step.position} accepts a session {words}", step.position)
            return
        self._ask(step, offer, question, account)
        self._debit(step, offer, question, account)

    def _ask(self, step: Step, offer: Offer, question: Question, account: _Account) -> None:
        usage = self._usage(step, offer, account)
        for code, words in _broken(question, account.agreement, usage, _when(step, offer, account)):
            faults = self.budgets if code in BUDGETS else self.pace if code in PACE else self.faults
            faults.add(
                f"entry {step.position} accepts a session against the agreement: {words}", step.position
            )

    def _usage(self, step: Step, offer: Offer, account: _Account) -> Usage:
        agreement, period = account.agreement, offer.period
        return Usage(
            # What was logged anew may stand behind a revocation that came after it: its place says nothing.
            state="revoked" if offer.agreement in self._revoked and not step.recovered else "in_force",
            own_protocol=offer.protocol,
            own_profile=agreement.profile,
            own_key_id=agreement.consortium_key_id,
            spent={
                (key, lab): sum_ for (number, key, lab), sum_ in account.spent.items() if number == period
            },
            last_pre_record=self._last_pre_record.get(_pair(offer)),
            late_aborts=account.late.get((*_pair(offer), period), 0),
            open_sessions=0,
            expected_counter=offer.counter,
            got_counter=offer.counter,
            expected_previous=b"",
            got_previous=b"",
        )

    def _debit(self, step: Step, offer: Offer, question: Question, account: _Account) -> None:
        lines = own_debits(question)
        stated = [
            {"lane": line.lane, "match_key": line.match_key, "receiver": line.receiver}
            | {"evaluations": line.evaluations}
            for line in lines
        ]
        if step.body.get("debits") != stated:
            words = "other debits than the engines let the other lab evaluate"
            self.budgets.add(f"entry {step.position} writes down {words}", step.position)
        for (match_key, receiver), evaluations in spent(lines).items():
            budget = (offer.period, match_key, receiver)
            account.spent[budget] = account.spent.get(budget, 0) + evaluations

    def _late(self, case: Case) -> None:
        if case.offer is None or case.offer.agreement not in self._accounts:
            return
        late = self._accounts[case.offer.agreement].late
        key = (*_pair(case.offer), case.offer.period)
        late[key] = late.get(key, 0) + 1


def _pair(offer: Offer) -> tuple[str, str]:
    return offer.initiator, offer.responder


def _when(step: Step, offer: Offer, account: _Account) -> datetime:
    """When it was accepted. An entry that was logged anew came later than its session, which ran in its period."""
    if not step.recovered:
        return moment(step.time)
    ends = min(account.agreement.period_ends(offer.period), moment(account.agreement.valid_until))
    return ends - timedelta(seconds=1)


def _broken(
    question: Question, agreement: Agreement, usage: Usage, logged: datetime
) -> Iterator[tuple[str, str]]:
    """Code and words of every rule that refuses, at the time of the entry and shortly before."""
    for rule in _ASKED:
        try:
            rule.check(question, agreement, usage, logged - CLOCK_GRAIN)
        except Refused:
            try:
                rule.check(question, agreement, usage, logged)
            except Refused as refusal:
                yield rule.code, refusal.words
