"""`psi actors erase`: shows, asks, and only then acts."""

from __future__ import annotations

import json

from tests.commands import FakeNode, Turns, run_psi

ASKED = "POST /v1/actors/erase"


def erasure(erased: bool) -> dict[str, object]:
    kinds = [{"kind": "email", "count": 2, "derived": 0}, {"kind": "iban", "count": 1, "derived": 0}]
    return {
        "reference": "acct-1",
        "kinds": kinds,
        "matches": 3,
        "peers": ["lab-b.example"],
        "erased": erased,
    }


def asked(node: FakeNode) -> list[object]:
    return [request.json["dry_run"] for request in node.asked(ASKED)]


def test_it_shows_what_goes_and_asks(node: FakeNode) -> None:
    node.answers[ASKED] = Turns([erasure(False), erasure(True)])
    result = run_psi("actors", "erase", "acct-1", "--profile", node.profile, answer="y\n")
    assert result.exit_code == 0, result.output
    assert "email (2), iban" in result.stderr
    assert "3 matches with lab-b.example" in result.stderr
    assert "Erase it for good? [y/N]" in result.stderr
    assert "It is erased." in result.stdout
    assert asked(node) == [True, False]


def test_no_answer_is_a_no(node: FakeNode) -> None:
    node.answers[ASKED] = erasure(False)
    for answer in ("n\n", ""):
        result = run_psi("actors", "erase", "acct-1", "--profile", node.profile, answer=answer)
        assert (result.exit_code, "nothing was erased" in result.stderr) == (1, True)
    refused = run_psi("actors", "erase", "acct-1", "--json", "--profile", node.profile)
    assert (refused.exit_code, "give --yes" in refused.stderr) == (1, True)
    assert asked(node) == [True, True, True]


def test_a_dry_run_asks_nothing(node: FakeNode) -> None:
    node.answers[ASKED] = erasure(False)
    result = run_psi("actors", "erase", "acct-1", "--dry-run", "--json", "--profile", node.profile)
    assert json.loads(result.stdout) == erasure(False)
    assert "erased" not in run_psi("actors", "erase", "acct-1", "--dry-run", "--profile", node.profile).stdout
    assert asked(node) == [True, True]


def test_yes_does_not_ask(node: FakeNode) -> None:
    node.answers[ASKED] = Turns([erasure(False), erasure(True)])
    result = run_psi("actors", "erase", "acct-1", "--yes", "--json", "--profile", node.profile)
    assert json.loads(result.stdout)["erased"] is True
    assert "[y/N]" not in result.stderr
