"""What a session costs, and whose ledger it stands in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_core.agreement.debit import Debit, debits, own_debits, receivers, spent
from psi_core.agreement.question import LaneQuestion, Question
from psi_core.errors import InvalidText

LAB_A, LAB_B = "lab-a.example", "lab-b.example"


def question(direction: str, own_lab: str = LAB_A) -> Question:
    return Question(
        initiator=LAB_A,
        responder=LAB_B,
        own_lab=own_lab,
        protocol="psi/1",
        profile="v1",
        consortium_key_id="0" * 16,
        direction=direction,
        reveal="items",
        period=0,
        lanes=(
            LaneQuestion("email", "openmined", "semi-honest", evaluations=100),
            LaneQuestion("card", "openmined", "semi-honest", evaluations=30),
        ),
    )


def test_who_learns_follows_from_the_direction() -> None:
    assert receivers("initiator", LAB_A, LAB_B) == (LAB_A,)
    assert receivers("responder", LAB_A, LAB_B) == (LAB_B,)
    assert receivers("both", LAB_A, LAB_B) == (LAB_A, LAB_B)
    with pytest.raises(InvalidText, match="both"):
        receivers("Both", LAB_A, LAB_B)


def test_every_lane_is_debited_once_per_receiver() -> None:
    assert debits(question("both")) == (
        Debit(0, "email", LAB_A, 100),
        Debit(0, "email", LAB_B, 100),
        Debit(1, "card", LAB_A, 30),
        Debit(1, "card", LAB_B, 30),
    )
    assert debits(question("responder")) == (Debit(0, "email", LAB_B, 100), Debit(1, "card", LAB_B, 30))


@pytest.mark.parametrize("direction", ["initiator", "responder", "both"])
def test_each_node_writes_what_the_other_may_test_and_together_they_write_all(direction: str) -> None:
    at_a, at_b = own_debits(question(direction, LAB_A)), own_debits(question(direction, LAB_B))
    assert {line.receiver for line in at_a} <= {LAB_B}
    assert {line.receiver for line in at_b} <= {LAB_A}
    assert {*at_a, *at_b} == set(debits(question(direction)))


def test_an_agreement_is_spent_per_match_key_and_receiver() -> None:
    lines = [*debits(question("both")), *debits(question("initiator"))]
    assert spent(lines) == {
        ("email", LAB_A): 200,
        ("email", LAB_B): 100,
        ("card", LAB_A): 60,
        ("card", LAB_B): 30,
    }
    assert spent([]) == {}


@given(
    st.lists(
        st.tuples(st.sampled_from(["email", "card"]), st.sampled_from([LAB_A, LAB_B]), st.integers(0, 2**53))
    )
)
def test_nothing_is_lost_in_the_sum(lines: list[tuple[str, str, int]]) -> None:
    sums = spent(Debit(0, *line) for line in lines)
    assert sum(sums.values()) == sum(evaluations for _, _, evaluations in lines)
