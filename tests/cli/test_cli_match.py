"""`psi match`: what is asked, what is shown of a session and its actors, and how each sort of end reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from psi_core.errors import Conflict, Refused
from tests.commands import FakeNode, Turns, lines, run_psi

FIRST, SECOND = "8f0c" * 8, "1a2b" * 8
BUDGET = (
    "budget: 40,000 evaluations of email asked, 12,500 left until 2026-12-01 (agreement 7f3a, rule "
    "evaluations_per_period). Send fewer items or agree on a larger budget."
)
EPOCH = "epoch: epoch 3 of email has served its one full run (rule epoch). The next offer begins a new epoch."
COUNTER = (
    "counter: 5 came where 4 was due (agreement 7f3a, rule counter). The next offer counts from the highest "
    "counter that its own lab signed."
)


def lane(name: str, matched: int | None = 1, size: int = 5120) -> dict[str, Any]:
    return {"match_key": name, "engine": "openmined", "own_size": size, "peer_size": size, "matched": matched}


def session(name: str = FIRST, **other: Any) -> dict[str, Any]:
    return {
        "session_id": name,
        "peer": "lab-b.example",
        "role": "initiator",
        "state": "complete",
        "direction": "both",
        "reveal": "items",
        "reason": None,
        "lanes": [lane("email"), lane("iban", size=17408)],
        "seconds": 0.4321,
        "bytes_sent": 600_000,
        "bytes_received": 500_000,
        "actors": 2,
        "new_actors": 1,
        "left_out": 0,
        **other,
    }


def standing(phase: str | None, over: dict[str, Any] | None = None) -> dict[str, Any]:
    figures = {"step": 6, "steps": 13, "runs_done": 1, "runs_total": 4, "bytes_sent": 1, "bytes_received": 2}
    return {"over": over is not None, "phase": phase, "seconds": 0.1, "session": over, **figures}


def row(actor: str, *matched: str, strength: str = "strong") -> dict[str, Any]:
    return {
        "actor": actor,
        "peer": "lab-b.example",
        "matched": list(matched),
        "of": 5,
        "strength": strength,
        "first_seen": "2026-02-03T00:00:00Z",
        "last_seen": None,
        "status": "to review",
    }


def ends(node: FakeNode, *sessions: dict[str, Any]) -> None:
    """Each session that is started passes through a phase and ends as given."""
    node.answers["POST /v1/sessions"] = Turns({"session_id": each["session_id"]} for each in sessions)
    for each in sessions:
        node.answers[f"POST /v1/sessions/{each['session_id']}/wait"] = Turns(
            [standing("opening"), standing("opening"), standing("done", each)]
        )
    node.answers["GET /v1/matches"] = [
        row("acct-00017", "email", "iban"),
        row("[b]x[/b]", "iban", strength="weak"),
    ]


def test_one_line_about_the_session_and_one_row_for_each_actor(node: FakeNode) -> None:
    ends(node, session())
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert result.exit_code == 0, result.output
    assert lines(result.stdout) == [
        "session   2 lanes   engine openmined   22,528 x 22,528 (padded)   0.4 s   1.1 MB   canaries ok",
        "actor        matched       of   strength   first seen   last seen   status",
        "acct-00017   email, iban    5   strong     2026-02-03   -           to review",
        "[b]x[/b]     iban           5   weak       2026-02-03   -           to review",
        "2 overlapping actors, 1 new",
    ]
    (asked,) = node.asked("GET /v1/matches")
    assert asked.query["session"] == [FIRST]


def test_wishes_are_passed_on_and_left_out_ones_left_to_the_node(node: FakeNode) -> None:
    ends(node, session(), session(SECOND))
    run_psi("match", "lab-b.example", "--profile", node.profile)
    words = ("--agreement", "7f3a", "--direction", "initiator", "--match-key", "email", "--match-key", "iban")
    assert run_psi("match", "lab-b.example", *words, "--profile", node.profile).exit_code == 0
    first, second = node.asked("POST /v1/sessions")
    assert first.json == {"lab": "lab-b.example", "reveal": "items", "engine": "auto"}
    assert second.json == {
        **first.json,
        "agreement": "7f3a",
        "direction": "initiator",
        "match_keys": ["email", "iban"],
    }


def test_a_suspended_session_says_how_far_it_came_and_the_next_try_that_it_goes_on(node: FakeNode) -> None:
    broken = session(
        state="suspended", done_percent=63, resume_until="2026-11-25T09:30:00Z", actors=None, new_actors=None
    )
    ends(node, broken)
    first = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert first.exit_code == 1
    assert "broke off at 63 % and is suspended until 2026-11-25T09:30:00Z. Start it again" in first.stderr
    ends(node, session(resumed_at=63))
    second = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert second.exit_code == 0, second.output
    assert "went on with session 8f0c8f0c, which was suspended at 63 %" in second.stderr


def test_json_is_the_session_and_its_rows(node: FakeNode) -> None:
    ends(node, session())
    result = run_psi("match", "lab-b.example", "--profile", node.profile, "--json")
    found = json.loads(result.stdout)
    assert (found["session"]["session_id"], found["matches"][0]["actor"]) == (FIRST, "acct-00017")
    assert result.stderr == ""


def test_a_signed_refusal_reads_as_the_design_has_it(node: FakeNode) -> None:
    ends(node, session(state="refused", reason=f"refused by lab-b.example: {BUDGET}"))
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == f"error: refused by lab-b.example: {BUDGET} (code refused)"
    ends(node, session(state="refused", reason=f"refused by lab-b.example: {BUDGET}"))
    told = json.loads(run_psi("match", "lab-b.example", "--profile", node.profile, "--json").stdout)["error"]
    assert (told["rule"], told["by"], told["code"]) == ("evaluations_per_period", "lab-b.example", "refused")
    assert len(node.asked("POST /v1/sessions")) == 2


def test_a_refusal_before_any_offer_reads_the_same(node: FakeNode) -> None:
    ends(node, session())
    node.answers[f"POST /v1/sessions/{FIRST}/wait"] = Refused(
        "engine", "engine: vole is not agreed", by="lab-a.example"
    )
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert (
        result.stderr.splitlines()[-1]
        == "error: refused by lab-a.example: engine: vole is not agreed (code refused)"
    )


def test_a_lost_offer_costs_one_more_session_which_starts_by_itself(node: FakeNode) -> None:
    lost = session(state="refused", reason=f"refused by lab-b.example: {COUNTER}")
    ends(node, lost, session(SECOND))
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert result.exit_code == 0
    assert "lab-b.example had not seen an earlier offer: both logs say so now" in result.stderr
    assert "acct-00017" in result.stdout
    assert node.asked("GET /v1/matches")[0].query["session"] == [SECOND]


def test_an_epoch_that_is_over_costs_one_more_session_which_starts_by_itself(node: FakeNode) -> None:
    over = session(state="refused", reason=f"refused by lab-a.example: {EPOCH}")
    ends(node, over, session(SECOND))
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert result.exit_code == 0
    assert "a new session is started, and begins the next epoch" in result.stderr
    assert node.asked("GET /v1/matches")[0].query["session"] == [SECOND]


def test_it_does_so_once(node: FakeNode) -> None:
    lost = {"state": "refused", "reason": f"refused by lab-b.example: {COUNTER}"}
    ends(node, session(**lost), session(SECOND, **lost))
    result = run_psi("match", "lab-b.example", "--profile", node.profile, "--json")
    assert (result.exit_code, len(node.asked("POST /v1/sessions"))) == (1, 2)
    assert json.loads(result.stdout)["error"]["rule"] == "counter"


@pytest.mark.parametrize(
    ("state", "words", "code"),
    [
        (
            "aborted",
            "session 8f0c8f0c with lab-b.example was broken off: why. Start it again",
            "session-aborted",
        ),
        (
            "fault",
            "session 8f0c8f0c with lab-b.example ended as a fault and its result is not shown: why",
            "session-error",
        ),
        (
            "pending",
            "session 8f0c8f0c with lab-b.example lacks the other lab's signature (it is pending); it is settled "
            "before the next one: start that",
            "session-error",
        ),
    ],
)
def test_other_ends_show_no_result(node: FakeNode, state: str, words: str, code: str) -> None:
    ends(node, session(state=state, reason="why"))
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == f"error: {words} (code {code})"
    assert not node.asked("GET /v1/matches")


def test_a_count_is_shown_by_lane(node: FakeNode) -> None:
    ends(node, session(reveal="count", actors=None, new_actors=None))
    result = run_psi("match", "lab-b.example", "--reveal", "count", "--profile", node.profile)
    assert lines(result.stdout)[1:] == ["match key   matched", "email             1", "iban              1"]
    assert not node.asked("GET /v1/matches")


def test_a_lab_that_was_not_to_learn_is_told_so(node: FakeNode) -> None:
    ends(node, session(direction="responder", lanes=[lane("email", None)], actors=0, new_actors=0))
    result = run_psi("match", "lab-b.example", "--direction", "responder", "--profile", node.profile)
    assert "lab-b.example learned, this lab did not (direction responder)" in result.stdout


def test_what_was_left_out_is_said(node: FakeNode) -> None:
    ends(node, session(left_out=3))
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert "3 actors left out of a joined match key: too many combinations" in result.stdout


def test_what_cannot_start_is_an_error(node: FakeNode) -> None:
    node.answers["POST /v1/sessions"] = Conflict("several agreements are in force: name one")
    result = run_psi("match", "lab-b.example", "--profile", node.profile)
    assert result.stderr == "error: several agreements are in force: name one (code conflict)\n"
