"""`psi-node log recover`, `rotate`, `new-start` and `export --past`, as an operator types them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from psi_core.identity.card import Card
from psi_core.log.checkpoint import Checkpoint
from tests.commands import run_psi_node
from tests.two_nodes import Place, places

OLD, NEW = "lab-a.example/psi-log", "lab-a.example/psi-log/2"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return asyncio.run(places(tmp_path))[0]


def set_back(place: Place) -> None:
    """The database of before the last entry, under a head file that knows it."""
    kept = place.data_dir.parent / "old.db"
    shutil.copy(place.data_dir / "node.db", kept)
    done = run_psi_node(
        "token",
        "create",
        "Ada",
        "--role",
        "auditor",
        "--out",
        kept.with_suffix(".json"),
        "--data",
        place.data_dir,
    )
    assert done.exit_code == 0, done.output
    for beside in ("node.db-wal", "node.db-shm"):
        (place.data_dir / beside).unlink(missing_ok=True)
    shutil.copy(kept, place.data_dir / "node.db")


def test_a_rotation_and_the_export_of_the_old_log(place: Place, tmp_path: Path) -> None:
    old = Card.read((place.data_dir / "card").read_bytes())
    asked = run_psi_node("log", "rotate", "--data", place.data_dir, answer="n\n")
    assert (asked.exit_code, "did not confirm" in asked.stderr) == (1, True)
    done = run_psi_node("log", "rotate", "--yes", "--json", "--data", place.data_dir)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    card = Card.read((place.data_dir / "card").read_bytes())
    assert (found["origin"], found["before"], found["finished"]) == (NEW, OLD, False)
    assert found["fingerprint"] == card.fingerprint_words()
    assert run_psi_node("doctor", "--data", place.data_dir).stdout.count("The log is whole (2 entries)") == 1
    target = tmp_path / "export"
    done = run_psi_node("log", "export", target, "--past", OLD, "--data", place.data_dir)
    assert done.exit_code == 0, done.output
    assert Checkpoint.open((target / "checkpoint").read_bytes(), old.log_verifier).size == found["size"]
    missing = run_psi_node("log", "export", tmp_path / "x", "--past", "x/psi-log", "--data", place.data_dir)
    assert OLD in missing.stderr


def test_a_loss_is_told_and_a_new_start_mends_it(place: Place) -> None:
    set_back(place)
    told = run_psi_node("doctor", "--data", place.data_dir)
    assert "psi-node log recover" in told.stdout
    refused = run_psi_node("log", "recover", "--data", place.data_dir)
    assert refused.exit_code == 1
    assert "psi-node log new-start" in refused.stderr
    done = run_psi_node("log", "new-start", "--yes", "--data", place.data_dir)
    assert done.exit_code == 0, done.output
    assert NEW in done.stdout
    assert "psi-node card" in done.stdout
    again = run_psi_node("log", "new-start", "--yes", "--data", place.data_dir)
    assert "psi-node log rotate" in again.stderr
    assert run_psi_node("log", "show", "--data", place.data_dir).exit_code == 0


def test_a_whole_log_has_nothing_to_recover(place: Place) -> None:
    done = run_psi_node("log", "recover", "--json", "--data", place.data_dir)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["entries"] == 0
    shown = run_psi_node("log", "recover", "--data", place.data_dir)
    assert "0 entries came back" in shown.stdout
    nobody = run_psi_node("log", "recover", "--without", "lab-x.example", "--data", place.data_dir)
    assert "no peer lab-x.example is pinned" in nobody.stderr
