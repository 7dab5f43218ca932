"""`psi audit`: reports for people, saved checkpoints, witness policies, and exit codes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from psi_client.audit import Report
from psi_core.log.key import COSIGNATURE, Signer
from tests.commands import run_psi
from tests.logged_labs import Lab, cosign, honest

WITNESS = Signer.from_seed("witness.example", bytes([9]) * 32, COSIGNATURE)


@pytest.fixture
def exports(tmp_path: Path) -> tuple[Lab, list[str]]:
    """Two honest logs, exported, and what `psi audit verify` needs to look at them."""
    labs = (Lab("lab-a.example", 1), Lab("lab-b.example", 11))
    honest(*labs)
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{key}\n" for lab in labs for key in lab.verifiers))
    folders = [lab.export(tmp_path / lab.name) for lab in labs]
    return labs[0], [str(each) for each in folders] + ["--keys", str(keys)]


def test_the_report_for_people_and_for_machines(exports: tuple[Lab, list[str]], tmp_path: Path) -> None:
    _, given = exports
    page = tmp_path / "report.html"
    done = run_psi("audit", "verify", *given, "--html", page, "--json")
    assert done.exit_code == 0, done.output
    report = Report.model_validate_json(done.stdout)
    assert [head.log for head in report.heads] == ["lab-a.example/psi-log", "lab-b.example/psi-log"]
    document = page.read_text()
    assert document.startswith("<!DOCTYPE html>")
    assert report.heads[0].root in document
    assert page.stat().st_mode & 0o077 == 0


@pytest.fixture
def published(exports: tuple[Lab, list[str]]) -> Iterator[str]:
    """The URL of the first export, on a server of plain files."""
    handler = partial(SilentHandler, directory=exports[1][0])
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_logs_at_urls_and_in_folders(exports: tuple[Lab, list[str]], published: str, tmp_path: Path) -> None:
    _, (first, *rest) = exports
    done = run_psi("audit", "verify", published, *rest, "--json")
    assert done.exit_code == 0, done.output
    in_folders = run_psi("audit", "verify", first, *rest, "--json")
    assert json.loads(done.stdout) == json.loads(in_folders.stdout)
    twice = run_psi("audit", "verify", published, f"{published}/", *rest)
    assert "the same URL is named twice" in twice.stderr
    made = run_psi("audit", "fetch", tmp_path / "kept", "--url", published, *rest[1:], "--json")
    assert json.loads(made.stdout)["log"] == "lab-a.example/psi-log"
    assert (tmp_path / "kept" / "checkpoint").read_bytes() == (Path(first) / "checkpoint").read_bytes()
    again = run_psi("audit", "fetch", tmp_path / "kept", "--url", published, *rest[1:])
    assert "is not empty" in again.stderr
    assert "given together" in run_psi("audit", "fetch", tmp_path / "new", "--url", published).stderr


def test_a_saved_checkpoint(exports: tuple[Lab, list[str]], tmp_path: Path) -> None:
    lab, given = exports
    saved = tmp_path / "saved"
    saved.write_bytes(lab.checkpoint())
    assert run_psi("audit", "verify", *given, "--since", saved).exit_code == 0
    lab.pad(3)
    saved.write_bytes(lab.checkpoint())
    caught = run_psi("audit", "verify", *given, "--since", saved, "--json")
    assert caught.exit_code == 1
    broken = [claim for claim in json.loads(caught.stdout)["claims"] if claim["state"] == "broken"]
    assert [claim["name"] for claim in broken] == ["append-only since the last audit"]
    assert "set back" in caught.stderr
    saved.write_text("nothing\n")
    assert "is no checkpoint" in run_psi("audit", "verify", *given, "--since", saved).stderr


def test_a_witness_policy(exports: tuple[Lab, list[str]], tmp_path: Path) -> None:
    lab, given = exports
    policy = tmp_path / "policy"
    policy.write_text(f"log {lab.log_key.verifier}\nwitness w {WITNESS.verifier}\nquorum w\n")
    missing = run_psi("audit", "verify", given[0], *given[2:], "--witness-policy", policy)
    assert missing.exit_code == 1
    assert "no quorum" in missing.stderr
    (Path(given[0]) / "cosigned").write_bytes(cosign(lab.checkpoint(), WITNESS))
    assert run_psi("audit", "verify", given[0], *given[2:], "--witness-policy", policy).exit_code == 0
    policy.write_text("quorum w\n")
    assert "line 1" in run_psi("audit", "verify", *given, "--witness-policy", policy).stderr


def test_what_lies_inside_an_export_is_not_the_auditors_own(exports: tuple[Lab, list[str]]) -> None:
    _, given = exports
    inside = Path(given[0]) / "checkpoint"
    for option in ("--since", "--witness-policy"):
        refused = run_psi("audit", "verify", *given, option, inside)
        assert refused.exit_code == 1
        assert "inside an exported log" in refused.stderr
