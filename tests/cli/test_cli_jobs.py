"""`psi jobs`: what each command asks of the node, and what it says of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from psi_core.errors import Conflict, InputError, NotFound
from tests.commands import FakeNode, Turns, lines, run_psi

SESSION = "8f0c3d5ee1f94c52a0f2a4f1b6d3c7e9"
RUN: dict[str, Any] = {
    "id": 41,
    "asked": False,
    "due": "2026-11-24T02:00:00Z",
    "covers": 1,
    "times": 1,
    "started": "2026-11-24T02:00:01Z",
    "finished": "2026-11-24T02:00:05Z",
    "state": "done",
    "code": None,
    "words": None,
    "attempts": 1,
    "session_id": SESSION,
    "actors": 211,
    "new": 9,
    "new_in": [SESSION],
    "matched": {"email": 220},
    "told": None,
}
AWAY = {
    **RUN,
    "id": 40,
    "state": "failed",
    "code": "peer-unreachable",
    "words": "no route to lab-b.example \x1b[31m",
    "times": 48,
    "covers": 48,
    "session_id": None,
    "actors": None,
    "new": None,
    "new_in": [],
    "matched": {},
    "due": "2026-11-23T02:00:00Z",
}
JOB: dict[str, Any] = {
    "id": 3,
    "peer": "lab-b.example",
    "agreement": None,
    "direction": None,
    "reveal": "items",
    "match_keys": None,
    "engine": "openmined",
    "cron": "0 3 * * *",
    "zone": "Europe/Berlin",
    "on_new": "https://hooks.lab-a.example",
    "created": "2026-11-01T09:30:00Z",
    "paused": None,
    "next_due": "2026-11-25T02:00:00Z",
    "running": False,
    "late": False,
    "dues": 1023,
    "misfires": 4,
    "overlaps": 2,
    "last": RUN,
}


def psi(node: FakeNode, *words: str, answer: str | None = None) -> Any:
    return run_psi("jobs", *words, "--profile", node.profile, answer=answer)


def test_jobs_are_listed_with_what_is_wrong_below(node: FakeNode) -> None:
    away = {**JOB, "id": 4, "last": AWAY, "late": True}
    rests = {**JOB, "id": 5, "last": None, "paused": "2026-11-24T09:30:00Z", "next_due": None}
    node.answers["GET /v1/jobs"] = [JOB, away, rests]
    found = lines(psi(node).stdout)
    headings = "job peer cron zone next due (UTC) last run (UTC) outcome new"
    assert " ".join(found[0].split()) == headings
    assert "2026-11-25 02:00" in found[1]
    assert "done" in found[1]
    assert "2026-11-25 02:00 (late)" in found[2]
    assert "failed (peer-unreachable), 48 times" in found[2]
    assert "paused" in found[3]
    assert found[4].startswith("4 no route to lab-b.example")
    assert "\x1b" not in found[4]
    assert psi(node, "list").stdout == psi(node).stdout
    assert json.loads(psi(node, "list", "--json").stdout) == [JOB, away, rests]
    node.answers["GET /v1/jobs"] = []
    assert "psi jobs add" in psi(node).stdout


def test_one_job_is_shown_with_its_runs(node: FakeNode) -> None:
    node.answers["GET /v1/jobs/3"] = {**JOB, "runs": [RUN, AWAY]}
    shown = psi(node, "show", "3").stdout
    for part in (
        "the one in force",
        "every agreed one",
        "0 3 * * * (Europe/Berlin)",
        "1,023: 4 missed while the node was down, 2 while",
        "8f0c3d5e",
        "failed (peer-unreachable), 48 times",
        "https://hooks.lab-a.example",
    ):
        assert part in shown
    node.answers["GET /v1/jobs/3"] = {**JOB, "last": None, "runs": []}
    assert "It has not run yet." in psi(node, "show", "3").stdout
    node.answers["GET /v1/jobs/9"] = NotFound("there is no job 9; `psi jobs list` shows them all")
    missing = psi(node, "show", "9")
    assert (missing.exit_code, missing.stderr[:26]) == (1, "error: there is no job 9; ")


def test_a_job_is_added_with_what_was_said(node: FakeNode) -> None:
    node.answers["POST /v1/jobs"] = JOB
    words = ["add", "lab-b.example", "--cron", "0 3 * * *", "--zone", "Europe/Berlin"]
    result = psi(node, *words)
    assert result.stdout == "job 3 with lab-b.example is due next at 2026-11-25 02:00 UTC\n"
    more = ["--agreement", "7f3a", "--direction", "initiator", "--reveal", "count", "--match-key", "email"]
    assert psi(node, *words, *more, "--match-key", "iban", "--on-new", "notify --x 'a b'").exit_code == 0
    first, second = (request.json for request in node.requests)
    plain = {"lab": "lab-b.example", "cron": "0 3 * * *", "zone": "Europe/Berlin"}
    assert first == {**plain, "reveal": "items"}
    assert second == {
        **plain,
        "agreement": "7f3a",
        "direction": "initiator",
        "reveal": "count",
        "match_keys": ["email", "iban"],
        "on_new": "notify --x 'a b'",
    }


def test_what_the_node_refuses_is_said_in_its_words(node: FakeNode) -> None:
    node.answers["POST /v1/jobs"] = InputError(
        "the cron expression never fires: none of its months has a day 31"
    )
    result = psi(node, "add", "lab-b.example", "--cron", "0 0 31 2 *", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "invalid-input"
    assert "never fires" in result.stderr


def test_a_run_is_waited_for_and_says_what_is_new(node: FakeNode) -> None:
    going = {**RUN, "state": "running", "finished": None}
    node.answers["POST /v1/jobs/3/run"] = going
    node.answers["POST /v1/jobs/3/wait"] = Turns(
        [{**JOB, "running": True, "runs": [going, AWAY]}, {**JOB, "runs": [RUN, AWAY]}]
    )
    result = psi(node, "run", "3")
    assert lines(result.stdout) == [
        "211 actors matched, 9 new since the last run",
        "psi matches list --session 8f0c3d5e --new",
    ]
    assert len(node.asked("POST /v1/jobs/3/wait")) == 2


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"actors": None, "new": 3, "new_in": []}, "220 matched, 3 more than in the last run\n"),
        ({"actors": None, "new": None, "new_in": []}, "the other lab learned; this one does not"),
        (
            {"actors": 1, "new": 0, "new_in": [], "told": "told"},
            "1 actor matched, 0 new since the last run\ntold\n",
        ),
    ],
)
def test_results_of_every_kind(node: FakeNode, run: dict[str, Any], said: str) -> None:
    node.answers["POST /v1/jobs/3/run"] = RUN
    node.answers["POST /v1/jobs/3/wait"] = {**JOB, "runs": [{**RUN, **run}]}
    assert psi(node, "run", "3").stdout.startswith(said)


@pytest.mark.parametrize(
    ("run", "code", "words"),
    [
        (
            {"state": "failed", "code": "peer-unreachable", "words": "no route"},
            "session-error",
            "job 3 failed: no route",
        ),
        (
            {"state": "refused", "code": "size_cap", "words": "refused by lab-b.example: x"},
            "refused",
            "refused by lab-b",
        ),
        (
            {"state": "interrupted", "words": "the node stopped in mid-run"},
            "session-error",
            "job 3 interrupted: the node",
        ),
    ],
)
def test_a_run_that_does_not_go_well_fails_the_command(
    node: FakeNode, run: dict[str, Any], code: str, words: str
) -> None:
    node.answers["POST /v1/jobs/3/run"] = RUN
    node.answers["POST /v1/jobs/3/wait"] = {**JOB, "runs": [{**RUN, **run}]}
    result = psi(node, "run", "3", "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["code"] == code
    assert error["message"].startswith(words)


def test_a_job_that_runs_already(node: FakeNode) -> None:
    node.answers["POST /v1/jobs/3/run"] = Conflict("job 3 is running already")
    assert psi(node, "run", "3").exit_code == 1


def test_pause_and_resume(node: FakeNode) -> None:
    node.answers["POST /v1/jobs/3/pause"] = {**JOB, "paused": "2026-11-24T09:30:00Z", "next_due": None}
    node.answers["POST /v1/jobs/3/resume"] = JOB
    assert psi(node, "pause", "3").stdout == "job 3 rests; psi jobs resume 3 lets it run again\n"
    assert "is due next at 2026-11-25 02:00" in psi(node, "resume", "3").stdout


def test_a_job_is_removed_when_that_is_confirmed(node: FakeNode) -> None:
    node.answers |= {"GET /v1/jobs/3": {**JOB, "runs": []}, "DELETE /v1/jobs/3": {}}
    kept = psi(node, "remove", "3", answer="n\n")
    assert (kept.exit_code, node.asked("DELETE /v1/jobs/3")) == (1, [])
    assert "Remove job 3, sessions with lab-b.example at 0 3 * * *? [y/N]" in kept.stderr
    assert psi(node, "remove", "3", "--yes").stdout == "job 3 is removed\n"
    assert json.loads(psi(node, "remove", "3", "--yes", "--json").stdout) == {"removed": 3}


def test_a_number_is_a_number(node: FakeNode) -> None:
    for wrong in ("x", "0", "../tokens"):
        assert psi(node, "show", wrong).exit_code == 2
    assert node.requests == []
