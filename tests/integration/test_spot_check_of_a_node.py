"""A spot check from end to end: a session, an export, a challenge, the lab's screen, the auditor's check."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from psi_core.kinds.fields import lengths
from psi_core.kinds.fingerprint import key_id
from psi_core.log.entry import Entry, EntryKind
from psi_service import sealing
from psi_service.actors.reference import seal_reference
from psi_service.identity.key_files import write_keys
from psi_service.log.export import export_log
from psi_service.store.database import Store
from tests.commands import run_psi, run_psi_node
from tests.two_labs import KEY, Lab, run, two_labs

ACTORS = {
    "acct-1": {"email": ["ada@example.org"], "device_id": ["idfa:1"]},
    "acct-2": {"email": ["bob@example.org"], "ipv4": ["192.0.2.1"], "user_agent": ["a b c"]},
    "acct-3": {"email": ["ada@example.org"]},
}


class Office:
    """lab-a after a session, its node down: a data folder for `psi-node`, an export and KEYS for `psi audit`."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self.data = lab.directory
        self.lab = lab
        self.folder = folder
        self.keys = folder / "keys.txt"
        self.export = folder / "export"
        self.for_peer = folder / "export-for-lab-b"

    def snapshot(self, match_key: str) -> int:
        """The position of the newest snapshot entry of this match key."""
        with closing(sqlite3.connect(self.data / "node.db")) as db:
            rows = db.execute(
                "SELECT position, data FROM log_entries WHERE kind = 'snapshot' ORDER BY position"
            )
            names: dict[str, int] = {json.loads(data)["body"]["match_key"]: at for at, data in rows}
        return names[match_key]

    def challenge(self, match_key: str, count: int = 48) -> Path:
        file = self.folder / f"challenge-{match_key}.txt"
        words = (
            "--snapshot",
            str(self.snapshot(match_key)),
            "--keys",
            self.keys,
            "--count",
            str(count),
            "--out",
            file,
        )
        done = run_psi("audit", "challenge", self.export, *words)
        assert done.exit_code == 0, done.output
        return file

    def open(self, challenge: Path, *words: str) -> tuple[Result, Path]:
        out = self.folder / "openings.json"
        return run_psi_node("openings", challenge, "--out", out, "--data", self.data, *words), out

    def check(self, challenge: Path, out: Path) -> Any:
        done = run_psi("audit", "check-openings", challenge, out, self.export, "--keys", self.keys, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def sql(self, *statement: Any) -> None:
        with closing(sqlite3.connect(self.data / "node.db")) as db, db:
            db.execute(*statement)


@pytest.fixture
async def office(tmp_path: Path) -> Office:
    a, b, terms = await two_labs(tmp_path)
    a.suspects(ACTORS)
    b.suspects({"c/7": {"email": ["ada@example.org"]}})
    with_references(a)
    assert (await run(a, b, terms)).state == "complete"
    found = Office(tmp_path, a)
    await a.store.transaction(lambda db: a.log.append(db, EntryKind.ADMIN, {"action": "import"}))
    await export_log(a.store, a.log, found.export)
    await export_log(a.store, a.log, found.for_peer, peer=b.name)
    cards = (a.card, b.card)
    keys = [key for card in cards for key in (card.log_key, card.document_key, card.cosigner_key)]
    found.keys.write_text("\n".join(keys))
    await a.stop()
    await b.stop()
    write_keys(a.directory / "keys", a.keys)
    (a.directory / "psi.toml").write_text('lab = "lab-a.example"\nhead_file = "head/log-head"\n')
    sealed = sealing.seal(a.keys.data_key, KEY, lengths("psi-consortium-key/v1", key_id(KEY)))
    columns = "(key_id, name, profile, sealed, origin, created)"
    found.sql(
        f"INSERT INTO consortium_keys {columns} VALUES (?, 't', 'v1', ?, 'o', 'c')", (key_id(KEY), sealed)
    )
    return found


def with_references(lab: Lab) -> None:
    """Seal the references, as an import does."""

    def work(db: Any) -> None:
        for actor, reference in db.execute("SELECT id, reference FROM actors").fetchall():
            values = seal_reference(lab.keys.data_key, reference.decode())
            db.execute("UPDATE actors SET lookup = ?, reference = ? WHERE id = ?", (*values, actor))

    lab.store.transaction_now(work)


def test_the_lab_shows_and_the_auditor_takes_no_secret_away(office: Office) -> None:
    asked = office.challenge("email")
    result, out = office.open(asked, "--json")
    assert result.exit_code == 0, result.output
    drawn = json.loads(result.stdout)["drawn"]
    assert len(drawn) == 48
    shown = sorted(tuple(each["actors"]) for each in drawn if not each["dummy"])
    assert shown == [("acct-1", "acct-3"), ("acct-2",)]
    taken = out.read_text()
    assert "salt" not in taken
    assert "acct" not in taken
    found = office.check(asked, out)
    assert (found["drawn"], found["dummies"], found["items"]) == (48, 0, 0)
    assert found["witnesses"] == ["lab-b.example"]
    people, _ = office.open(asked)
    assert "acct-1, acct-3" in people.stdout


def test_an_export_for_the_peers_auditor_will_do(office: Office) -> None:
    """Entries of no pair are withheld in it; those of the session are not."""
    office.export = office.for_peer
    asked = office.challenge("email")
    _, out = office.open(asked)
    assert office.check(asked, out)["drawn"] == 48


def test_a_joined_match_key_is_shown_by_its_actor(office: Office) -> None:
    result, _ = office.open(office.challenge("ip+user_agent"), "--json")
    assert [each["actors"] for each in json.loads(result.stdout)["drawn"] if not each["dummy"]] == [
        ["acct-2"]
    ]


def test_disclosure_warns_is_logged_and_covers_no_kind_that_can_be_enumerated(office: Office) -> None:
    for match_key in ("email", "ip+user_agent"):
        refused, out = office.open(office.challenge(match_key), "--disclose", "--yes")
        assert refused.exit_code == 1
        assert "never disclosed" in refused.stderr
        assert not out.exists()
    asked = office.challenge("device_id")
    hesitant, out = office.open(asked, "--disclose")
    assert hesitant.exit_code == 1
    assert "hands out fingerprints" in hesitant.stderr
    assert not out.exists()
    done, out = office.open(asked, "--disclose", "--yes")
    assert done.exit_code == 0, done.output
    found = office.check(asked, out)
    assert (found["dummies"], found["items"]) == (47, 1)
    with closing(sqlite3.connect(office.data / "node.db")) as db:
        data = db.execute("SELECT data FROM log_entries ORDER BY position DESC LIMIT 1").fetchone()[0]
    entry = Entry.decode(data)
    assert entry.kind is EntryKind.ADMIN
    assert entry.body["action"] == "openings-disclosed"
    assert entry.body["leaves"] == 48


def test_nothing_is_disclosed_beside_a_running_node(office: Office) -> None:
    asked = office.challenge("device_id")
    with Store.open(office.data, office.lab.clock):
        refused, out = office.open(asked, "--disclose", "--yes")
        assert "store-locked" in refused.stderr
        assert not out.exists()
        assert office.open(asked)[0].exit_code == 0


def test_a_set_that_has_changed_since_is_not_opened(office: Office) -> None:
    asked = office.challenge("email")
    office.sql("UPDATE member_pages SET salts = zeroblob(length(salts)) WHERE match_key = 'email'")
    refused, out = office.open(asked)
    assert refused.exit_code == 1
    assert "no longer provable" in refused.stderr
    assert not out.exists()


def test_a_leaf_that_stands_for_nothing_is_not_signed_for(office: Office) -> None:
    asked = office.challenge("email")
    office.sql("DELETE FROM indicators WHERE kind = 'email'")
    refused, out = office.open(asked)
    assert refused.exit_code == 1
    assert "stands for no record" in refused.stderr
    assert not out.exists()


def test_a_challenge_about_another_log_or_entry(office: Office) -> None:
    asked = office.challenge("email")
    text = asked.read_text()
    at = office.snapshot("email")
    for old, new, words in (
        ('"lab":"lab-a.example"', '"lab":"lab-b.example"', "another lab"),
        (f'"entry":{at}', f'"entry":{at + 1}', "not the snapshot"),
        ('"match_key":"email"', '"match_key":"phone"', "not the snapshot"),
        ("lab-a.example/psi-log ", "lab-b.example/psi-log ", "signed"),
    ):
        assert old in text
        asked.write_text(text.replace(old, new))
        refused, out = office.open(asked)
        assert refused.exit_code == 1
        assert words in refused.stderr
        assert not out.exists()


def test_nothing_is_signed_after_a_restore_that_was_not_recovered(office: Office) -> None:
    office.sql("INSERT INTO restorations (restored, made, size) VALUES ('r', 'm', 1)")
    refused, _ = office.open(office.challenge("email"))
    assert "node-refusing" in refused.stderr
