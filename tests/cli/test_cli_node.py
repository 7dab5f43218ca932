"""`psi-node` on a store that no node holds, and the same commands through a node that does."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from psi_client.profile import Profile
from psi_core.identity.card import Card
from psi_core.identity.invite import Invite
from psi_core.identity.node_keys import NodeKeys
from psi_service.clock import system_clock
from psi_service.identity.key_files import read_keys
from psi_service.settings import Settings
from tests.commands import lines, run_psi, run_psi_node
from tests.two_nodes import free_port

LAB_A, LAB_B = "lab-a.example", "lab-b.example"


def ask(data: Path, *words: str | Path, **how: Any) -> Any:
    """The JSON answer of a command that must succeed."""
    result = run_psi_node(*words, "--data", data, "--json", **how)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()[-1:]
    assert line.startswith("error: ")
    assert all(part in line for part in words), line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A new node's folder."""
    folder = tmp_path / "node"
    ports = ("--peer-listen", f"127.0.0.1:{free_port()}", "--admin-listen", f"127.0.0.1:{free_port()}")
    ask(folder, "init", LAB_A, *ports, "--set", "worker_processes=1")
    return folder


def no_secret(data: Path, text: str) -> None:
    """Neither the token nor a private key is in what was shown."""
    keys = read_keys(data / "keys", LAB_A)
    token = Profile.load(data).token.get_secret_value()
    secrets = [
        keys.document.seed.hex(),
        keys.log.seed.hex(),
        keys.data_key.hex(),
        keys.sealing.private.hex(),
        token,
    ]
    assert not [secret for secret in secrets if secret in text]


def test_init_makes_a_node_once_and_shows_no_secret(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    words = (
        "init",
        LAB_A,
        "--data",
        folder,
        "--peer-address",
        "psi.lab-a.example:7443",
        "--set",
        "max_sessions=8",
    )
    result = run_psi_node(*words)
    assert result.exit_code == 0, result.output
    shown = lines(result.stdout)
    assert "peers dial   psi.lab-a.example:7443" in shown
    card = Card.read((folder / "card").read_bytes())
    assert "".join(result.stdout.split()).count("".join(card.fingerprint_words().split())) == 1
    no_secret(folder, result.output)
    assert Settings.load(folder).max_sessions == 8
    refused(run_psi_node(*words), f"{folder} holds a node already", "(code conflict)")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("init", "Lab A"), "is not a lab name"),
        (("init", LAB_A, "--set", "max_sesions=1"), "did you mean 'max_sessions'?"),
        (("init", LAB_A, "--set", "max_sessions"), "--set is written NAME=VALUE"),
        (("init", LAB_A, "--admin-listen", "0.0.0.0:7480"), "admin_listen is not a loopback address"),
    ],
)
def test_wrong_settings_make_nothing(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    refused(run_psi_node(*words, "--data", tmp_path / "node"), said, "(code invalid-configuration)")
    assert not (tmp_path / "node").exists()


def test_the_folder_is_found_as_the_profile_is(data: Path, tmp_path: Path) -> None:
    for result in (
        run_psi_node("--data", data, "card"),
        run_psi_node("card", PSI_DATA_DIR=str(data)),
        run_psi_node("--data", tmp_path, "card", "--data", data, PSI_DATA_DIR=str(tmp_path)),
    ):
        assert result.exit_code == 0, result.output
    home = tmp_path / "home"
    home.mkdir()
    refused(run_psi_node("card", HOME=str(home)), f"there is no {home}/.psi/psi.toml", "`psi-node init`")
    data.rename(home / ".psi")
    assert run_psi_node("card", HOME=str(home)).exit_code == 0


def test_card_is_the_note_alone_on_standard_output(data: Path, tmp_path: Path) -> None:
    result = run_psi_node("card", "--data", data)
    card = Card.read(result.stdout.encode())
    assert card.lab == LAB_A
    assert card.fingerprint_words()[:39] in result.stderr
    written = run_psi_node("card", "--data", data, "--out", tmp_path / "card")
    assert (written.stdout, (tmp_path / "card").read_text()) == ("", result.stdout)
    assert ask(data, "card")["fingerprint"] == card.fingerprint_words()


def test_a_new_card_has_the_new_address(data: Path) -> None:
    file = data / "psi.toml"
    file.write_text(
        file.read_text().replace('# peer_address = ""', 'peer_address = "new.lab-a.example:7443"')
    )
    refused(run_psi_node("card", "--data", data), "`psi-node card --new`")
    made = ask(data, "card", "--new")
    assert made["address"] == "new.lab-a.example:7443"
    assert ask(data, "card") == made


def test_a_consortium_from_its_first_day(data: Path, tmp_path: Path) -> None:
    assert "in no consortium" in run_psi_node("consortium", "--data", data).stdout
    made = ask(data, "consortium", "create", "[b]abuse[/b]")
    shown = run_psi_node("consortium", "list", "--data", data)
    assert "[b]abuse[/b]" in shown.stdout
    no_secret(data, shown.output)
    assert ask(data, "consortium", "list") == {"consortia": [made], "waiting": []}
    refused(run_psi_node("consortium", "invite", LAB_B, "--data", data), "no peer lab-b.example is pinned")
    refused(run_psi_node("consortium", "join", "--data", data), "no such invite waits here")


def test_an_invite_by_hand_is_asked_about(data: Path, tmp_path: Path) -> None:
    other = NodeKeys.generate(LAB_B, system_clock())
    own = Card.read((data / "card").read_bytes())
    sealed = Invite.seal(
        bytes(range(32)),
        signer=other.document,
        recipient=own,
        consortium="theirs",
        profile="v1",
        created="2026-11-24T09:30:00Z",
    )
    note = tmp_path / "invite.note"
    note.write_bytes(sealed)
    declined = run_psi_node("consortium", "join", "--in", note, "--data", data, answer="n\n")
    refused(declined, "you did not confirm it")
    assert f'Join "theirs" of {LAB_B} (key id' in declined.stderr
    refused(
        run_psi_node("consortium", "join", "--in", note, "--yes", "--data", data),
        f"no peer {LAB_B} is pinned",
    )
    refused(run_psi_node("consortium", "join", "--in", note, "--json", "--data", data), "give --yes")
    (tmp_path / "nonsense").write_text("x")
    refused(
        run_psi_node("consortium", "join", "--in", tmp_path / "nonsense", "--data", data),
        "(code invalid-note)",
    )


def test_the_log_is_shown_and_exported_for_the_auditor(data: Path, tmp_path: Path) -> None:
    entries = ask(data, "log", "show")
    assert [(entry["position"], entry["kind"]) for entry in entries] == [
        (0, "key"),
        (1, "card"),
        (2, "admin"),
    ]
    assert [entry["position"] for entry in ask(data, "log", "show", "--limit", "1")] == [2]
    assert [entry["position"] for entry in ask(data, "log", "show", "--from", "1", "--limit", "1")] == [1]
    assert ask(data, "log", "show", "--from", "9") == []
    assert "note psi-card/v1" in run_psi_node("log", "show", "--data", data).stdout
    made = ask(data, "log", "export", tmp_path / "export")
    assert (made["origin"], made["size"], made["directory"]) == (
        "lab-a.example/psi-log",
        3,
        str(tmp_path / "export"),
    )
    refused(run_psi_node("log", "export", tmp_path / "export", "--data", data), "is not empty")
    run_psi_node("card", "--out", tmp_path / "card", "--data", data)
    (tmp_path / "keys").write_text(run_psi("audit", "keys", tmp_path / "card").stdout)
    audited = run_psi("audit", "verify", tmp_path / "export", "--keys", tmp_path / "keys")
    assert audited.exit_code == 0, audited.output
    assert "0 broken" in audited.stdout


def test_tokens_go_into_files_and_never_to_the_screen(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "ada.json"
    words = ("token", "create", "Ada [red]", "--role", "analyst", "--days", "30", "--out", out)
    result = run_psi_node(*words, "--data", data)
    assert result.exit_code == 0, result.output
    profile = Profile.load(out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert profile.url == Settings.load(data).admin_url
    token = profile.token.get_secret_value()
    assert token.startswith("psi_")
    assert token not in result.output
    refused(run_psi_node(*words, "--data", data), f"{out} exists already", "(code conflict)")
    listed = run_psi_node("token", "--data", data)
    assert "Ada [red]" in listed.stdout
    no_secret(data, listed.output)
    assert [(each["id"], each["role"]) for each in ask(data, "token", "list")] == [
        (1, "operator"),
        (2, "analyst"),
    ]
    bob = ask(
        data,
        "token",
        "create",
        "Bob",
        "--role",
        "auditor",
        "--out",
        tmp_path / "bob.json",
        "--url",
        "https://h:1",
    )
    assert (bob["profile"], bob["expires"], Profile.load(tmp_path / "bob.json").url) == (
        *(str(tmp_path / "bob.json"), None, "https://h:1"),
    )
    assert ask(data, "token", "revoke", "2")["revoked"]
    refused(run_psi_node("token", "revoke", "2", "--data", data), "was revoked already")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--url", "http://psi.lab-a.example:7480"), "the token would travel in the clear"),
        (("--out", "no-such-folder/x.json"), "is no folder that a profile can be written into"),
    ],
)
def test_no_token_is_made_for_a_profile_that_cannot_be(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    out = () if "--out" in words else ("--out", "x.json")
    refused(run_psi_node("token", "create", "x", "--role", "analyst", *out, *words, "--data", data), said)
    assert len(ask(data, "token", "list")) == 1


def test_a_log_behind_its_head_file_refuses_and_says_so(data: Path) -> None:
    (data / "head" / "head").unlink()
    refused(run_psi_node("consortium", "create", "x", "--data", data), "head file", "(code node-refusing)")
    assert ask(data, "token", "list")


def served(data: Path, *words: str) -> subprocess.Popen[str]:
    """`psi-node serve` as a process of its own."""
    code = "import sys; from psi_service.cli.main import main; sys.argv[0] = 'psi-node'; main()"
    env = {name: value for name, value in os.environ.items() if not name.startswith("PSI_")}
    return subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--data", str(data), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )


def test_serving_and_every_command_through_the_running_node(data: Path, tmp_path: Path) -> None:
    before = ask(data, "log", "show")
    node = served(data)
    try:
        assert node.stdout is not None
        line = node.stdout.readline()
        settings = Settings.load(data)
        assert line == f"{LAB_A} runs: peers at {settings.peer_listen}, commands at {settings.admin_listen}\n"
        refused(run_psi_node("serve", "--data", data), f"in use by process {node.pid}", "(code store-locked)")
        refused(run_psi_node("card", "--new", "--data", data), "(code store-locked)")
        assert ask(data, "log", "show") == before
        assert ask(data, "log", "show", "--from", "1", "--limit", "1") == before[1:2]
        assert ask(data, "consortium", "create", "while it runs")["current"]
        assert ask(data, "consortium", "list")["consortia"][0]["name"] == "while it runs"
        out = tmp_path / "ada.json"
        ask(data, "token", "create", "Ada", "--role", "auditor", "--out", out)
        denied = run_psi("peers", "--profile", out)
        refused(denied, "the role auditor may not do this", "(code access-denied)")
        assert run_psi("status", "--profile", out).exit_code == 0
        ask(data, "token", "revoke", "2")
        refused(run_psi("status", "--profile", out), "expired or revoked", "(code unauthenticated)")
        assert ask(data, "log", "export", tmp_path / "export")["size"] == len(before) + 3
        node.send_signal(signal.SIGTERM)
        rest, journal = node.communicate(timeout=30)
        assert (node.returncode, rest) == (0, ""), journal
    finally:
        node.kill()
        node.communicate()
    refused(run_psi("status", "--profile", data), "no node answers at")
    assert len(ask(data, "log", "show")) == len(before) + 3


def test_a_port_that_is_taken_is_named(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    taken = Settings.load(data).admin_listen
    ask(other, "init", LAB_B, "--peer-listen", f"127.0.0.1:{free_port()}", "--admin-listen", taken)
    node = served(data, "--json")
    try:
        assert node.stdout is not None
        while not (line := node.stdout.readline()).startswith("}"):
            assert line
        refused(
            run_psi_node("serve", "--data", other),
            f"cannot listen for commands on {taken}",
            "set admin_listen",
        )
        node.send_signal(signal.SIGINT)
        assert (node.wait(30), node.stdout.read()) == (0, "")
    finally:
        node.kill()
        node.communicate()
