"""Strength: the table of rules, a row per rule."""

from __future__ import annotations

import pytest

from psi_core.kinds import RARITY_RULES, STRENGTH_RULES, Evidence, Strength, strength

ROWS = [
    # one that cannot be enumerated
    ([("device_id", 1)], Strength.STRONG),
    ([("evm_address", 3)], Strength.STRONG),
    ([("prompt_template", 1)], Strength.STRONG),
    ([("device_id+ip", 1)], Strength.STRONG),
    # two independent kinds
    ([("email", 1), ("card", 1)], Strength.STRONG),
    ([("email+phone", 1)], Strength.STRONG),
    ([("email", 1), ("ip+user_agent", 1)], Strength.STRONG),
    # one personal kind, also in two dresses
    ([("email", 1)], Strength.MEDIUM),
    ([("email", 1), ("email_mailbox", 1)], Strength.MEDIUM),
    ([("card", 1), ("card_partial", 1)], Strength.MEDIUM),
    ([("iban", 1), ("bic", 1)], Strength.MEDIUM),
    ([("phone", 3)], Strength.MEDIUM),
    # only weak ones
    ([("ip+user_agent", 1)], Strength.WEAK),
    ([("ip", 1), ("domain", 1), ("ja4", 1)], Strength.WEAK),
    ([], Strength.WEAK),
    # rarity: one step less from 4 own actors on, two from 21 on
    ([("device_id", 4)], Strength.MEDIUM),
    ([("device_id", 20)], Strength.MEDIUM),
    ([("device_id", 21)], Strength.WEAK),
    ([("email", 4)], Strength.WEAK),
    ([("email", 4), ("card", 1)], Strength.STRONG),
    ([("email", 21), ("card", 1)], Strength.MEDIUM),
    ([("email", 1), ("ip+user_agent", 4)], Strength.MEDIUM),
    ([("device_id", 4), ("email", 1)], Strength.STRONG),
    # the same family twice: the rarer counts
    ([("email", 30), ("email_mailbox", 1)], Strength.MEDIUM),
]


@pytest.mark.parametrize(("matched", "expected"), ROWS)
def test_rules(matched: list[tuple[str, int]], expected: Strength) -> None:
    evidence = [Evidence(tuple(name.split("+")), shared) for name, shared in matched]
    assert strength(evidence).strength is expected
    assert strength(reversed(evidence)).strength is expected


def test_why_names_the_deciding_rule_and_what_lowered_it() -> None:
    found = strength([Evidence(("email",)), Evidence(("ip", "user_agent"), shared=30)])
    assert found.why == (STRENGTH_RULES[2].words, f"ip+user_agent {RARITY_RULES[0].words}")


def test_tables_are_ordered_and_end_in_a_rule_that_always_holds() -> None:
    last = STRENGTH_RULES[-1]
    assert (last.unlisted, last.personal, last.independent) == (0, 0, 0)
    assert [rule.shared_by for rule in RARITY_RULES] == sorted(
        (rule.shared_by for rule in RARITY_RULES), reverse=True
    )
