"""`psi peers`: a lab is pinned only when its fingerprint was compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from psi_core.identity.card import Card
from psi_core.identity.node_keys import NodeKeys
from tests.commands import FakeNode, lines, run_psi

LAB = "lab-b.example"


@pytest.fixture(scope="module")
def note() -> bytes:
    now = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    return NodeKeys.generate(LAB, now).card(LAB, "psi.lab-b.example:7443", now)


@pytest.fixture
def card(tmp_path: Path, note: bytes, node: FakeNode) -> Path:
    read = Card.read(note)
    peer = {"lab": LAB, "address": read.address, "fingerprint": read.fingerprint_words()}
    node.answers |= {"POST /v1/peers": peer, "GET /v1/peers": [peer], f"GET /v1/peers/{LAB}": peer}
    (tmp_path / "lab-b.card").write_bytes(note)
    return tmp_path / "lab-b.card"


def words_of(note: bytes) -> str:
    return Card.read(note).fingerprint_words()


def test_the_fingerprint_is_shown_in_groups_of_four_and_asked_about(
    node: FakeNode, card: Path, note: bytes
) -> None:
    result = run_psi("peers", "add", card, "--profile", node.profile, answer="y\n")
    assert result.exit_code == 0, result.output
    groups = words_of(note).split()
    assert [line.strip() for line in result.stderr.splitlines()[4:6]] == [
        " ".join(groups[:8]),
        " ".join(groups[8:]),
    ]
    assert "Did the people of lab-b.example read you this very fingerprint? [y/N]" in result.stderr
    assert result.stdout == "lab-b.example is pinned; try it with psi peers test lab-b.example\n"
    assert node.requests[0].json == {"card": note.decode()}


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "maybe\n"])
def test_anything_but_yes_pins_nothing(node: FakeNode, card: Path, answer: str) -> None:
    result = run_psi("peers", "add", card, "--profile", node.profile, answer=answer)
    assert (result.exit_code, node.requests) == (1, [])
    assert result.stderr.endswith(
        "error: lab-b.example was not added: its fingerprint was not confirmed (code conflict)\n"
    )


def test_an_equal_fingerprint_answers_the_question(node: FakeNode, card: Path, note: bytes) -> None:
    words = words_of(note)
    for spoken in (words, words.replace(" ", ""), words.upper(), words.replace(" ", ":")):
        result = run_psi("peers", "add", card, "--fingerprint", spoken, "--profile", node.profile, "--json")
        assert (result.exit_code, result.stderr) == (0, "")
        assert json.loads(result.stdout)["lab"] == LAB
    assert run_psi("peers", "add", card, "--yes", "--profile", node.profile).exit_code == 0
    assert len(node.requests) == 5


def test_another_fingerprint_is_refused_and_never_repeated(node: FakeNode, card: Path, note: bytes) -> None:
    words = words_of(note)
    other = words[:-1] + ("0" if words[-1] != "0" else "1")
    for more in ((), ("--yes",)):
        result = run_psi("peers", "add", card, "--fingerprint", other, *more, "--profile", node.profile)
        assert (result.exit_code, node.requests) == (1, [])
        assert "the card of lab-b.example has another fingerprint than you gave" in result.stderr
        assert "(code verification-failed)" in result.stderr
        assert other[:9] not in result.output


@pytest.mark.parametrize("given", ["1a2b", "", "g" * 64, "0" * 63])
def test_what_is_no_fingerprint_is_said_to_be_none(node: FakeNode, card: Path, given: str) -> None:
    result = run_psi("peers", "add", card, "--fingerprint", given, "--profile", node.profile)
    assert (result.exit_code, node.requests) == (1, [])
    assert "a fingerprint has 64 hexadecimal digits" in result.stderr


def test_with_json_nothing_is_asked(node: FakeNode, card: Path) -> None:
    result = run_psi("peers", "add", card, "--json", "--profile", node.profile, answer="y\n")
    assert (result.exit_code, node.requests) == (1, [])
    assert "with --json nothing is asked: give --fingerprint, or --yes" in result.stderr
    assert json.loads(result.stdout)["error"]["code"] == "invalid-configuration"


def test_a_card_may_come_on_standard_input(node: FakeNode, card: Path, note: bytes) -> None:
    result = run_psi("peers", "add", "-", "--yes", "--profile", node.profile, answer=note.decode())
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a card", "error:"),
        (b"\xff\xfe", "is not text in UTF-8: it is not the other lab's card"),
        (b"x" * 70_000, "is longer than 65,536 bytes: it is not the other lab's card"),
    ],
)
def test_a_file_that_is_no_card_pins_nothing(node: FakeNode, card: Path, content: bytes, words: str) -> None:
    card.write_bytes(content)
    result = run_psi("peers", "add", card, "--yes", "--profile", node.profile)
    assert (result.exit_code, node.requests) == (1, [])
    assert words in result.stderr


def test_a_card_that_was_changed_is_refused(node: FakeNode, card: Path, note: bytes) -> None:
    card.write_bytes(note.replace(b"7443", b"7444"))
    result = run_psi("peers", "add", card, "--yes", "--profile", node.profile)
    assert (result.exit_code, node.requests) == (1, [])
    assert "(code invalid-signature)" in result.stderr


def test_list_and_show(node: FakeNode, card: Path, note: bytes) -> None:
    words = words_of(note)
    assert lines(run_psi("peers", "--profile", node.profile).stdout) == [
        "lab             address                  fingerprint",
        f"lab-b.example   psi.lab-b.example:7443   {words[:19]} ...",
    ]
    shown = run_psi("peers", "show", LAB, "--profile", node.profile).stdout
    assert words[:39] in shown
    assert "certificate" not in shown
    certificate = "5e6f " * 15 + "5e6f"
    node.answers[f"GET /v1/peers/{LAB}"]["certificate"] = certificate
    shown = run_psi("peers", "show", LAB, "--profile", node.profile).stdout
    assert f"hash of its TLS certificate (not the fingerprint)\n    {certificate[:39]}\n" in shown
    node.answers["GET /v1/peers"] = []
    assert "psi peers add FILE" in run_psi("peers", "list", "--profile", node.profile).stdout


def test_removing_asks(node: FakeNode, card: Path) -> None:
    node.answers[f"DELETE /v1/peers/{LAB}"] = ""
    kept = run_psi("peers", "remove", LAB, "--profile", node.profile, answer="n\n")
    assert (kept.exit_code, node.asked(f"DELETE /v1/peers/{LAB}")) == (1, [])
    assert run_psi("peers", "remove", LAB, "--yes", "--profile", node.profile).stdout == (
        "lab-b.example is no peer any more\n"
    )
    gone = run_psi("peers", "remove", LAB, "--yes", "--json", "--profile", node.profile)
    assert json.loads(gone.stdout) == {"lab": LAB, "removed": True}


def test_a_test_that_finds_nothing_wrong(node: FakeNode) -> None:
    words = "lab-b.example answers at psi.lab-b.example:7443 (version 0.1.0) and accepts this lab."
    probe = {"lab": LAB, "fault": None, "words": words, "mend": ""}
    node.answers[f"POST /v1/peers/{LAB}/test"] = probe
    result = run_psi("peers", "test", LAB, "--profile", node.profile)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{words}\n", "")


def test_a_fault_is_named_with_what_to_do(node: FakeNode) -> None:
    probe = {
        "lab": LAB,
        "fault": "expired",
        "words": "Their certificate has expired.",
        "mend": "Ask for a new card.",
    }
    node.answers[f"POST /v1/peers/{LAB}/test"] = probe
    line = "error: Their certificate has expired. Ask for a new card. (code expired)\n"
    result = run_psi("peers", "test", LAB, "--profile", node.profile)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", line)
    result = run_psi("peers", "test", LAB, "--profile", node.profile, "--json")
    assert (result.exit_code, json.loads(result.stdout), result.stderr) == (1, probe, line)


def test_two_certificates_stand_on_lines_of_their_own(node: FakeNode) -> None:
    words = "Another TLS certificate is shown.\n  hashes:\n    pinned   1ecd\n    shown    6cb9\x1b[2J"
    probe = {"lab": LAB, "fault": "wrong_certificate", "words": words, "mend": "Ask them by telephone."}
    node.answers[f"POST /v1/peers/{LAB}/test"] = probe
    assert run_psi("peers", "test", LAB, "--profile", node.profile).stderr == (
        "error: Another TLS certificate is shown. Ask them by telephone. (code wrong_certificate)\n"
        "  hashes:\n    pinned   1ecd\n    shown    6cb9\\x1b[2J\n"
    )
