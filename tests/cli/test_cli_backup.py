"""`psi-node backup` and `psi-node restore`, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import run_psi_node
from tests.two_nodes import free_port

WORDS = "correct horse battery staple"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    ports = ("--peer-listen", f"127.0.0.1:{free_port()}", "--admin-listen", f"127.0.0.1:{free_port()}")
    assert run_psi_node("init", "lab-a.example", *ports, "--data", folder).exit_code == 0
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "backup.key"
    file.write_bytes(bytes(range(32)))
    return file


def ask(data: Path, *words: str | Path) -> Any:
    result = run_psi_node(*words, "--data", data, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_with_a_passphrase_asked_twice(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    made = run_psi_node("backup", file, "--data", data, answer=f"{WORDS}\n{WORDS}\n")
    assert made.exit_code == 0, made.output
    assert WORDS not in made.output
    assert "lab-a.example: " in made.stdout
    opened = run_psi_node("restore", file, "--dry-run", "--data", data, answer=f"{WORDS}\n")
    assert opened.exit_code == 0, opened.output
    assert "is whole" in opened.stdout
    assert "The log here verifies and stays (3 entries)" in opened.stdout
    wrong = run_psi_node("restore", file, "--dry-run", "--data", data, answer="another passphrase\n")
    assert (wrong.exit_code, "(code verification-failed)" in wrong.stderr) == (1, True)


def test_lists_come_back_and_the_log_says_so(data: Path, key: Path, tmp_path: Path) -> None:
    made = ask(data, "backup", tmp_path / "backup", "--key-file", key)
    assert (made["entries"], made["lab"]) == (3, "lab-a.example")
    declined = run_psi_node("restore", tmp_path / "backup", "--key-file", key, "--data", data, answer="n\n")
    assert (declined.exit_code, "nothing was changed" in declined.stderr) == (1, True)
    done = ask(data, "restore", tmp_path / "backup", "--key-file", key, "--yes")
    assert (done["kept_log"], done["entries"]) == (True, 3)
    (*_, last) = ask(data, "log", "show")
    assert last["body"] == {"action": "restored", "backup": made["made"]}


def test_a_lost_log_ends_in_a_clear_refusal(data: Path, key: Path, tmp_path: Path) -> None:
    ask(data, "backup", tmp_path / "backup", "--key-file", key)
    for path in data.glob("node.db*"):
        path.unlink()
    result = run_psi_node("restore", tmp_path / "backup", "--key-file", key, "--data", data, answer="y\n")
    assert result.exit_code == 0, result.output
    assert "The log here cannot stay: there is no" in result.stderr
    assert "signs nothing until its log is recovered" in result.stdout
    refused = run_psi_node("consortium", "create", "x", "--data", data)
    assert (refused.exit_code, "(code node-refusing)" in refused.stderr) == (1, True)
    assert "restored from a backup" in refused.stderr
    doctor = json.loads(run_psi_node("doctor", "--data", data, "--json").stdout)
    (log,) = [each for each in doctor if each["check"] == "log"]
    assert (log["state"], "restored from a backup" in log["words"]) == ("fault", True)


def test_with_json_nothing_is_asked(data: Path, tmp_path: Path) -> None:
    result = run_psi_node("backup", tmp_path / "backup", "--data", data, "--json")
    assert (result.exit_code, "give --key-file FILE" in result.stderr) == (1, True)
