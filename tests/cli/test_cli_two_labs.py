"""Two labs, two node processes, and nothing but commands: from `init` to a match, its export, and the audit."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.commands import lines, run_psi, run_psi_node
from tests.two_nodes import LABS, free_port

OWN_LIST = (
    "actor,kind,value,first_seen,last_seen\n"
    "acct-17,email,Ada@Example.org,2026-02-03T00:00:00Z,2026-10-30T00:00:00Z\n"
    "acct-17,email,other@example.org,,\n"
    "acct-18,email,only-here@example.org,,\n"
    "acct-19,email,no at sign,,\n"
)
THEIR_LIST = '{"actor": "x1", "kind": "email", "value": "ada@example.org"}\n'


@dataclass
class Lab:
    """A lab's folder, and its node once it runs."""

    name: str
    data: Path
    node: subprocess.Popen[bytes] | None = None

    def psi(self, *words: str | Path) -> Result:
        return run_psi(*words, "--profile", self.data)

    def ask(self, *words: str | Path) -> Any:
        result = run_psi(*words, "--profile", self.data, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def psi_node(self, *words: str | Path) -> Any:
        result = run_psi_node(*words, "--data", self.data, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def start(self) -> None:
        peers, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        ports = ("--peer-listen", peers, "--peer-address", peers, "--admin-listen", admin)
        self.psi_node("init", self.name, *ports, "--set", "worker_processes=1")
        code = "import sys; from psi_service.cli.main import main; sys.argv[0] = 'psi-node'; main()"
        env = {name: value for name, value in os.environ.items() if not name.startswith("PSI_")}
        words = [sys.executable, "-c", code, "serve", "--data", str(self.data)]
        self.node = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)

    def wait(self) -> None:
        assert self.node is not None
        assert self.node.stdout is not None
        assert b"runs: peers at" in self.node.stdout.readline()

    def stop(self) -> None:
        if self.node is not None:
            self.node.terminate()
            self.node.communicate(timeout=30)


@pytest.fixture
def labs(tmp_path: Path) -> Iterator[tuple[Lab, Lab]]:
    """Two labs with a node each, which know nothing of each other."""
    a, b = (Lab(name, tmp_path / name) for name in LABS)
    try:
        for lab in (a, b):
            lab.start()
        for lab in (a, b):
            lab.wait()
        yield a, b
    finally:
        for lab in (a, b):
            lab.stop()


def they_pin_each_other(labs: tuple[Lab, Lab], tmp_path: Path) -> None:
    for own, other in (labs, labs[::-1]):
        card = tmp_path / f"{other.name}.card"
        spoken = other.psi_node("card", "--out", card)["fingerprint"]
        assert own.ask("peers", "add", card, "--fingerprint", spoken)["lab"] == other.name
    a, b = labs
    found = a.psi("peers", "test", b.name)
    assert (found.exit_code, "(code consortium_key)" in found.stderr) == (1, True), found.output


def they_share_a_consortium_key(labs: tuple[Lab, Lab], _: Path) -> None:
    a, b = labs
    a.psi_node("consortium", "create", "abuse sharing")
    assert a.psi_node("consortium", "invite", b.name)["delivered"] == "waiting"
    assert "waiting for you: 1 invite" in b.psi("status").stdout
    assert b.psi_node("consortium", "join", "--yes")["name"] == "abuse sharing"
    assert a.psi("peers", "test", b.name).exit_code == 0


def they_agree(labs: tuple[Lab, Lab], _: Path) -> None:
    a, b = labs
    terms = ("--match-key", "email:1024:1500", "--minimum-interval-seconds", "0")
    proposed = a.ask("agreements", "propose", b.name, "--title", "abuse sharing 2026", *terms)
    assert (proposed["state"], proposed["delivered"]) == ("proposed", "waiting")
    early = a.psi("match", b.name)
    assert early.exit_code == 1
    read = run_psi("agreements", "accept", "--profile", b.data, answer="y\n")
    assert read.exit_code == 0, read.output
    assert re.search(
        r"email +1,024 / 1,500 \(1 full run a period; values can be enumerated\)|email +1,024 / 1,500",
        read.stdout,
    )
    assert [found["state"] for found in a.ask("agreements", "list")] == ["in_force"]


def they_import(labs: tuple[Lab, Lab], tmp_path: Path) -> None:
    a, b = labs
    (tmp_path / "own.csv").write_text(OWN_LIST)
    (tmp_path / "their.jsonl").write_text(THEIR_LIST)
    report = a.ask("import", tmp_path / "own.csv", "--refused", tmp_path / "refused.csv")
    assert (report["kept"], report["refused"]) == (3, 1)
    (bad,) = csv.DictReader(io.StringIO((tmp_path / "refused.csv").read_text()))
    assert (bad["actor"], bad["value"], bad["refused_line"], bad["refused_kind"]) == (
        *("acct-19", "no at sign", "5", "email"),
    )
    strict = a.psi("import", tmp_path / "own.csv", "--strict")
    assert (strict.exit_code, "(code refused)" in strict.stderr) == (1, True)
    assert b.ask("import", tmp_path / "their.jsonl")["kept"] == 1


def they_match(labs: tuple[Lab, Lab], _: Path) -> None:
    a, b = labs
    result = a.psi("match", b.name)
    assert result.exit_code == 0, result.output
    head, _, *rows = lines(result.stdout)
    assert re.fullmatch(
        r"session   1 lane   engine (oprf|openmined)   1,024 x 1,024 \(padded\)   [0-9.]+ s   [0-9.]+ kB   canaries ok",
        head,
    )
    assert [" ".join(row.split()) for row in rows] == [
        "acct-17 email 1 medium 2026-02-03 2026-10-30 to review",
        "1 overlapping actor, 1 new",
    ]
    assert [row["actor"] for row in b.ask("matches")] == ["x1"]
    (seen,) = b.ask("sessions")
    assert (seen["role"], seen["state"]) == ("responder", "complete")
    assert a.ask("sessions", "show", seen["session_id"][:6])["session_id"] == seen["session_id"]


def the_budget_refuses_in_the_designs_words(labs: tuple[Lab, Lab], _: Path) -> None:
    a, b = labs
    result = a.psi("match", b.name, "--json")
    assert result.exit_code == 1
    pattern = (
        r"error: refused by lab-[ab]\.example: budget: 1,024 evaluations of email asked, 476 left until [0-9-]+ "
        r"\(agreement [0-9a-f]{4}, rule evaluations_per_period\)\. Send fewer items or agree on a larger budget\. "
        r"\(code refused\)\n"
    )
    assert re.fullmatch(pattern, result.stderr), result.stderr
    told = json.loads(result.stdout)["error"]
    assert (told["rule"], told["by"] in LABS) == ("evaluations_per_period", True)
    wrong = a.psi("match", b.name, "--match-key", "iban")
    assert "match key not agreed: iban" in wrong.stderr


def they_judge_and_export(labs: tuple[Lab, Lab], tmp_path: Path) -> None:
    a, b = labs
    (tmp_path / "own.csv").write_text(OWN_LIST)
    exported = a.psi("matches", "export", "--values", tmp_path / "own.csv")
    (found,) = csv.DictReader(io.StringIO(exported.stdout))
    assert (found["actor"], found["value"], found["match_keys"]) == ("acct-17", "Ada@Example.org", "email")
    assert (
        a.ask("matches", "mark", "acct-17", "false positive", "--peer", b.name)["status"] == "false positive"
    )
    assert a.ask("matches") == []
    assert [row["actor"] for row in a.ask("matches", "--all")] == ["acct-17"]


def an_auditor_checks_both_logs(labs: tuple[Lab, Lab], tmp_path: Path) -> None:
    for lab in labs:
        lab.psi_node("log", "export", tmp_path / f"log-{lab.name}")
        lab.psi_node("card", "--out", tmp_path / f"{lab.name}.card")
    cards = [tmp_path / f"{lab.name}.card" for lab in labs]
    (tmp_path / "keys").write_text(run_psi("audit", "keys", *cards).stdout)
    folders = [tmp_path / f"log-{lab.name}" for lab in labs]
    audited = run_psi("audit", "verify", *folders, "--keys", tmp_path / "keys")
    assert audited.exit_code == 0, audited.output
    assert "same record in both logs" in audited.stdout
    an_auditor_checks_the_answers(labs[1], folders, tmp_path)
    (bundle,) = (folders[0] / "tile" / "entries").glob("*.p/*")
    bundle.write_bytes(bundle.read_bytes().replace(b'"email"', b'"emaiL"'))
    caught = run_psi("audit", "verify", *folders, "--keys", tmp_path / "keys", "--json")
    assert (caught.exit_code, "(code verification-failed)" in caught.stderr) == (1, True)
    assert "broken" in {claim["state"] for claim in json.loads(caught.stdout)["claims"]}
    inside = run_psi("audit", "verify", *folders, "--keys", folders[0] / "checkpoint")
    assert "lies inside an exported log" in inside.stderr


def an_auditor_checks_the_answers(lab: Lab, folders: list[Path], tmp_path: Path) -> None:
    """Where the session ran with oprf."""
    (seen,) = (each for each in lab.ask("sessions") if each["state"] == "complete")
    by_oprf = [lane for lane in seen["lanes"] if lane["engine"] == "oprf"]
    handed = tmp_path / "bundles"
    made = lab.psi_node("bundles", "export", handed, "--peer", LABS[0])
    assert [each["session_id"] for each in made["bundles"]] == [seen["session_id"]] * len(by_oprf)
    assert lab.psi_node("bundles", "list") == made["bundles"]
    none = run_psi_node("bundles", "export", handed, "--session", "0" * 32, "--data", lab.data)
    assert (none.exit_code, "no bundle is kept" in none.stderr) == (1, True)
    asked = ("audit", "verify", *folders, "--keys", tmp_path / "keys", "--bundles", handed, "--json")
    claims = json.loads(run_psi(*asked).stdout)["claims"]
    states = [each["state"] for each in claims if each["name"] == "one committed key for every query"]
    assert states == ["proven", "proven"]


def they_part(labs: tuple[Lab, Lab], _: Path) -> None:
    a, b = labs
    (agreement,) = a.ask("agreements")
    revoked = a.ask(
        "agreements", "revoke", agreement["hash"][:4], "--reason", "the project has ended", "--yes"
    )
    assert (revoked["state"], revoked["delivered"]) == ("revoked", "revoked")
    assert [found["state"] for found in b.ask("agreements")] == ["revoked"]
    assert b.psi("match", a.name).exit_code == 1
    assert b.ask("peers", "remove", a.name, "--yes") == {"lab": a.name, "removed": True}
    gone = a.psi("peers", "test", b.name)
    assert (gone.exit_code, "(code not_accepted)" in gone.stderr) == (1, True), gone.output


STEPS = (
    they_pin_each_other,
    they_share_a_consortium_key,
    they_agree,
    they_import,
    they_match,
    the_budget_refuses_in_the_designs_words,
    they_judge_and_export,
    an_auditor_checks_both_logs,
    they_part,
)


def test_two_labs_from_their_first_card_to_the_audit_and_the_end(
    labs: tuple[Lab, Lab], tmp_path: Path
) -> None:
    for step in STEPS:
        step(labs, tmp_path)
