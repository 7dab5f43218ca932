"""Exit codes, one line on standard error, one document on standard output; never a traceback, never a token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from psi_client.cli import ending, main
from psi_client.profile import Profile
from psi_core.errors import (
    AccessDenied,
    InvalidIndicator,
    NodeRefusing,
    NotFound,
    PeerUnreachable,
    PsiError,
    Refused,
    Unauthenticated,
)
from tests.commands import TOKEN, FakeNode, run_psi, run_psi_node

STATUS = {
    "lab": "lab-a.example",
    "version": "0.1.0",
    "address": "psi.lab-a.example:7443",
    "profile": "v1",
    "consortium": None,
    "consortium_key_id": None,
    "peers": 0,
    "waiting_invites": 1,
    "waiting_agreements": 2,
    "log": {"origin": "lab-a.example/psi-log", "size": 3, "refusal": "the head file is missing"},
}
BUDGET = (
    "budget: 40,000 evaluations of email asked, 12,500 left until 2026-12-01 (agreement 7f3a, rule "
    "evaluations_per_period). Send fewer items or agree on a larger budget."
)


@pytest.mark.parametrize(
    "words",
    [
        ("--bogus", "status"),
        ("status", "--bogus"),
        ("matches", "show"),
        ("match", "lab-b.example", "--engine", "x"),
    ],
)
def test_a_wrong_command_line_is_a_document_too(words: tuple[str, ...]) -> None:
    plain, document = run_psi(*words), run_psi(*words, "--json")
    assert (plain.exit_code, plain.stdout, document.exit_code) == (2, "", 2)
    assert json.loads(document.stdout)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("error", "line", "members"),
    [
        (NotFound("there is no session 8f0c"), "there is no session 8f0c (code not-found)", {}),
        (
            Refused("evaluations_per_period", BUDGET, by="lab-b.example"),
            f"refused by lab-b.example: {BUDGET} (code refused)",
            {"rule": "evaluations_per_period", "by": "lab-b.example"},
        ),
        (
            PeerUnreachable("no route to lab-b.example", fault="no_route"),
            "no route to lab-b.example (code peer-unreachable)",
            {"fault": "no_route"},
        ),
        (AccessDenied("the role auditor may not"), "the role auditor may not (code access-denied)", {}),
        (Unauthenticated("no valid token"), "no valid token (code unauthenticated)", {}),
        (NodeRefusing("behind its head file"), "behind its head file (code node-refusing)", {}),
        (
            InvalidIndicator("email", "has no @"),
            "not a valid email: has no @ (code invalid-indicator)",
            {"kind": "email", "reason": "has no @"},
        ),
        (PsiError("evil\x1b[2J\nwords"), "evil\\x1b[2J\\x0awords (code error)", {}),
    ],
)
def test_what_the_node_refuses_is_one_line_and_exit_code_1(
    node: FakeNode, error: PsiError, line: str, members: dict[str, str]
) -> None:
    node.answers["GET /v1/status"] = error
    result = run_psi("status", "--profile", node.profile)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"error: {line}\n")
    result = run_psi("status", "--profile", node.profile, "--json")
    assert (result.exit_code, result.stderr) == (1, f"error: {line}\n")
    assert json.loads(result.stdout) == {
        "error": {"code": error.code, "message": error.message, **members},
    }


def test_a_refusal_reads_as_the_design_has_it(node: FakeNode) -> None:
    node.answers["GET /v1/status"] = Refused("evaluations_per_period", BUDGET, by="lab-b.example")
    assert (
        "refused by lab-b.example: budget: 40,000 evaluations of email asked, 12,500 left until 2026-12-01 "
        "(agreement 7f3a, rule evaluations_per_period). Send fewer items or agree on a larger budget."
    ) in run_psi("status", "--profile", node.profile).stderr


def test_status_says_what_waits_and_why_nothing_is_signed(node: FakeNode) -> None:
    node.answers["GET /v1/status"] = STATUS
    result = run_psi("status", "--profile", node.profile)
    assert result.exit_code == 0
    for words in (
        "waiting for you: 1 invite",
        "waiting for you: 2 agreements",
        "signs nothing: the head file",
    ):
        assert words in result.stdout
    assert TOKEN not in result.output
    assert json.loads(run_psi("--json", "--profile", node.profile, "status").stdout) == STATUS


def test_a_profile_that_others_may_read_is_not_used(node: FakeNode) -> None:
    node.profile.chmod(0o640)
    result = run_psi("status", "--profile", node.profile)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: the profile {node.profile} holds a token and others may use it (mode 0640): "
        f"chmod 600 {node.profile} (code invalid-configuration)\n"
    )
    assert not node.requests


def test_no_profile_and_no_node(tmp_path: Path, node: FakeNode) -> None:
    missing = run_psi("status", "--profile", tmp_path / "nowhere")
    assert missing.exit_code == 1
    assert "`psi-node init` writes it" in missing.stderr
    Profile(url="http://127.0.0.1:9", token=SecretStr(TOKEN)).save(tmp_path / "dead.json")
    dead = run_psi("status", "--profile", tmp_path / "dead.json")
    assert dead.exit_code == 1
    assert dead.stderr.startswith("error: no node answers at http://127.0.0.1:9")
    assert TOKEN not in dead.output


def test_the_profile_may_stand_before_after_or_in_the_environment(node: FakeNode, tmp_path: Path) -> None:
    node.answers["GET /v1/peers"] = []
    wrong = tmp_path / "wrong"
    for words in (
        ("--profile", node.profile, "peers", "list"),
        ("peers", "--profile", node.profile, "list"),
        ("peers", "list", "--profile", node.profile),
        ("peers", "--profile", node.profile),
        ("--profile", wrong, "peers", "list", "--profile", node.profile),
        ("peers", "list", "--profile", node.profile.parent),
    ):
        assert run_psi(*words, PSI_PROFILE=str(wrong)).exit_code == 0, words
    assert run_psi("peers", PSI_PROFILE=str(node.profile)).exit_code == 0
    home = tmp_path / "home"
    (home / ".psi").mkdir(parents=True)
    node.profile.rename(home / ".psi" / "profile.json")
    assert run_psi("peers", HOME=str(home)).exit_code == 0
    assert f"the profile {home}/.psi2" in run_psi("peers", PSI_PROFILE=f"{home}/.psi2", HOME=str(home)).stderr


def test_json_may_stand_before_and_after(node: FakeNode) -> None:
    node.answers["GET /v1/peers"] = []
    for words in (
        ("--json", "peers"),
        ("peers", "--json"),
        ("peers", "list", "--json"),
        ("peers", "--json", "list"),
    ):
        assert json.loads(run_psi("--profile", node.profile, *words).stdout) == []


@pytest.mark.parametrize(
    "words", [("peers", "tset"), ("match",), ("status", "--nonsense"), ("actors", "list", "--limit", "0"), ()]
)
def test_a_wrong_command_line_is_exit_code_2(words: tuple[str, ...]) -> None:
    assert run_psi(*words).exit_code == 2
    assert run_psi_node("init").exit_code == 2


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run_psi_node("init", "lab-a.example", "--data", tmp_path / "file" / "node", "--json")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path}/file")
    assert json.loads(result.stdout)["error"]["code"] == "system"


def test_what_nobody_foresaw_is_named_by_type_and_place_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise KeyError("ada@example.org")

    monkeypatch.setattr(main, "app", broken)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: psi itself is at fault: KeyError at test_cli_endings.py:")
    assert "ada@example.org" not in said.err
    assert len(said.err.splitlines()) == 1


def test_fail_is_for_documents_that_were_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ending.typer.Exit) as ended:
        ending.fail("the way is barred", "no_route")
    assert ended.value.exit_code == 1
    assert capsys.readouterr() == ("", "error: the way is barred (code no_route)\n")
