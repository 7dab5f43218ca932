"""docs/auditing.md is true: every claim is explained as the report explains it, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from psi_client.audit.claims import ONE_LOG, SUCCESSION
from psi_client.audit.meanings import CANNOT, MEANINGS
from psi_client.audit.two_logs import ONE_LAB, TWO_COPIES, TWO_LOGS
from psi_client.cli.main import app as psi_app
from psi_core.log.witness_policy import WitnessPolicy
from psi_service.cli.main import app as psi_node_app

TEXT = (Path(__file__).parents[2] / "docs" / "auditing.md").read_text(encoding="utf-8")
CLAIMS = {*ONE_LOG, *SUCCESSION, *TWO_LOGS, *ONE_LAB, *TWO_COPIES}
PROGRAMS = {"psi": get_command(psi_app), "psi-node": get_command(psi_node_app)}
TYPED = re.findall(r"^    \$ (psi[^ ]* .*?)(?: {3,}.*)?$", TEXT, flags=re.MULTILINE)


def test_every_claim_is_explained_in_the_words_of_the_report() -> None:
    explained = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", TEXT, flags=re.MULTILINE))
    assert {name: explained.get(name) for name in CLAIMS} == MEANINGS


def test_the_example_shows_claims_that_exist() -> None:
    shown = re.findall(r"^    (?:proven|broken|not provable) {3,}(.+?) {3,}", TEXT, flags=re.MULTILINE)
    assert len(shown) > 15
    assert set(shown) <= CLAIMS


def test_what_no_log_proves_is_said() -> None:
    assert all(f"- {each}" in TEXT for each in CANNOT)


@pytest.mark.parametrize("line", TYPED)
def test_commands_exist_with_their_options(line: str) -> None:
    program, *words = line.split()
    command = PROGRAMS[program]
    while words and not words[0].startswith("-") and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_policy_is_one() -> None:
    lines = re.findall(r"^    ((?:log|witness|quorum) .*)$", TEXT, flags=re.MULTILINE)
    policy = WitnessPolicy.parse("\n".join(lines).encode())
    assert [key.name for key in policy.logs] == ["lab-a.example/psi-log"]
    assert policy.witnesses["lab-b"].name == "lab-b.example"
