"""`psi agreements`: proposed from options and files, read before it is signed, handed over by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.key import Signer
from psi_service.agreements.proposal import Proposal, text_of
from tests.commands import FakeNode, Turns, lines, run_psi

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LAB = "lab-b.example"
WORDS = 'Agreement \x1b[31m "abuse" between labs\n    email   50,000 / 100,000 (2 full runs a period)\n'
AGREEMENT = text_of(
    Proposal.model_validate({"lab": LAB, "title": "abuse", "match_keys": [{"match_key": "email"}]}),
    own_lab="lab-a.example",
    profile="v1",
    key_id="00112233445566ff",
    nonce="00" * 16,
    now=NOW,
)
HASH = AGREEMENT.hash().hex()
SHORT = HASH[:4]


@pytest.fixture(scope="module")
def signer() -> Signer:
    return NodeKeys.generate(LAB, NOW).document


def view(state: str, **other: Any) -> dict[str, Any]:
    return {
        "hash": HASH,
        "peer": LAB,
        "state": state,
        "terms": AGREEMENT.model_dump(mode="json"),
        "note": "the signed note",
        "revocation": None,
        "delivered": None,
        "fault": None,
        **other,
    }


@pytest.fixture
def waiting(node: FakeNode) -> FakeNode:
    accepted = view("in_force", delivered="in_force")
    node.answers |= {
        "GET /v1/agreements": [view("waiting")],
        f"GET /v1/agreements/{HASH}": view("waiting"),
        f"GET /v1/agreements/{SHORT}": view("waiting"),
        f"GET /v1/agreements/{HASH}/words": WORDS,
        f"POST /v1/agreements/{HASH}/accept": accepted,
        "POST /v1/agreements": view("proposed", delivered="waiting"),
    }
    return node


def propose(node: FakeNode, *words: str | Path) -> Any:
    result = run_psi("agreements", "propose", LAB, *words, "--profile", node.profile)
    assert result.exit_code == 0, result.output
    return node.asked("POST /v1/agreements")[-1]


def test_a_proposal_from_options(waiting: FakeNode) -> None:
    sent = propose(
        waiting,
        *("--title", "abuse", "--match-key", "email:50000:100000", "--match-key", "iban:20_000"),
        *(
            "--match-key",
            "ip+user_agent",
            "--learns",
            "lab-a.example",
            "--reveal",
            "items",
            "--reveal",
            "count",
        ),
        *("--engine", "openmined:semi-honest", "--valid-until", "2027-01-01T00:00:00Z"),
        *("--minimum-interval-seconds", "0", "--padding-bucket", "64", "--period-seconds", "3600"),
        *("--late-abort-limit", "1", "--valid-from", "2026-11-01T00:00:00Z"),
        *("--period-start", "2026-10-01T00:00:00Z"),
    )
    assert sent.query == {"send": ["true"]}
    assert sent.json == {
        "lab": LAB,
        "title": "abuse",
        "match_keys": [
            {"match_key": "email", "max_size": 50000, "evaluations_per_period": 100000},
            {"match_key": "iban", "max_size": 20000},
            {"match_key": "ip+user_agent"},
        ],
        "learns": ["lab-a.example"],
        "reveal": ["items", "count"],
        "engines": [{"engine": "openmined", "variant": "semi-honest"}],
        "valid_from": "2026-11-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z",
        "period_start": "2026-10-01T00:00:00Z",
        "period_seconds": 3600,
        "minimum_interval_seconds": 0,
        "padding_bucket": 64,
        "late_abort_limit": 1,
    }
    Proposal.model_validate(sent.json)


def test_labels_of_both_labs_or_of_one(waiting: FakeNode) -> None:
    labels = ("--labels", "severity,first_seen", "--labels", f"{LAB}:campaign")
    sent = propose(waiting, "--title", "abuse", "--match-key", "email", *labels)
    assert sent.json["labels"] == [
        {"fields": ["severity", "first_seen"]},
        {"fields": ["campaign"], "lab": LAB},
    ]


@pytest.mark.parametrize("text", ["", ",", "severity,", ":severity", "lab-b.example:"])
def test_labels_that_name_no_field_are_not_sent(waiting: FakeNode, text: str) -> None:
    words = ("--title", "abuse", "--match-key", "email", "--labels", text)
    result = run_psi("agreements", "propose", LAB, *words, "--profile", waiting.profile)
    assert result.exit_code != 0
    assert "--labels is written" in result.output
    assert not waiting.asked("POST /v1/agreements")


def test_what_is_left_out_is_left_to_the_node(waiting: FakeNode) -> None:
    sent = propose(waiting, "--title", "abuse", "--match-key", "email")
    assert sent.json == {"lab": LAB, "title": "abuse", "match_keys": [{"match_key": "email"}]}


def test_terms_from_a_file_and_options_over_them(waiting: FakeNode, tmp_path: Path) -> None:
    toml = tmp_path / "terms.toml"
    toml.write_text('title = "from the file"\nperiod_seconds = 60\n[[match_keys]]\nmatch_key = "iban"\n')
    written = tmp_path / "terms.json"
    written.write_text(
        '{"title": "from the file", "match_keys": [{"match_key": "iban"}], "period_seconds": 60}'
    )
    for file in (toml, written):
        sent = propose(waiting, "--terms", file, "--title", "from the option")
        assert sent.json == {
            "lab": LAB,
            "title": "from the option",
            "period_seconds": 60,
            "match_keys": [{"match_key": "iban"}],
        }


def test_the_proposer_reads_what_was_signed_and_where_it_stands(waiting: FakeNode) -> None:
    words = (
        "agreements",
        "propose",
        LAB,
        "--title",
        "abuse",
        "--match-key",
        "email",
        "--profile",
        waiting.profile,
    )
    shown = lines(run_psi(*words).stdout)
    assert shown == [
        'Agreement \\x1b[31m "abuse" between labs',
        "    email   50,000 / 100,000 (2 full runs a period)",
        "  state           proposed here, waiting for lab-b.example",
        f'agreement {SHORT} "abuse": proposed here, waiting for lab-b.example',
        "delivered to lab-b.example",
    ]
    assert json.loads(run_psi(*words, "--json").stdout)["hash"] == HASH


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "an agreement needs --title and --match-key, or a file of --terms with them"),
        (("--title", "t"), "an agreement needs --match-key"),
        (("--title", "t", "--match-key", "email:many"), "sizes and budgets are whole numbers"),
        (("--title", "t", "--match-key", "email:1:2:3"), "--match-key is written NAME"),
        (("--title", "t", "--match-key", ":5"), "--match-key is written NAME"),
        (("--terms", "none.toml"), "none.toml cannot be read"),
    ],
)
def test_terms_that_cannot_be_are_not_sent(waiting: FakeNode, words: tuple[str, ...], said: str) -> None:
    result = run_psi("agreements", "propose", LAB, *words, "--profile", waiting.profile)
    assert (result.exit_code, waiting.requests) == (1, [])
    assert said in result.stderr


@pytest.mark.parametrize(
    ("name", "content"), [("t.toml", "title = "), ("t.json", "{"), ("t.json", "[]"), ("t.toml", "\xff")]
)
def test_a_file_that_is_no_table_of_terms(waiting: FakeNode, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    result = run_psi("agreements", "propose", LAB, "--terms", tmp_path / name, "--profile", waiting.profile)
    assert (result.exit_code, waiting.requests) == (1, [])
    assert f"{name} " in result.stderr


def test_one_that_did_not_arrive_is_kept_and_the_command_fails(waiting: FakeNode) -> None:
    waiting.answers["POST /v1/agreements"] = view(
        "proposed", fault="lab-b.example did not take it: no route."
    )
    words = (
        "agreements",
        "propose",
        LAB,
        "--title",
        "t",
        "--match-key",
        "email",
        "--profile",
        waiting.profile,
    )
    result = run_psi(*words)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: agreement {SHORT} is kept here and was not delivered: lab-b.example did not take it: no route. "
        f"`psi agreements send {SHORT}` does either (--out FILE) (code not-delivered)\n"
    )
    again = run_psi(*words, "--json")
    assert (again.exit_code, json.loads(again.stdout)["state"]) == (1, "proposed")


def test_accepting_shows_all_of_it_and_asks(waiting: FakeNode) -> None:
    result = run_psi("agreements", "accept", "--profile", waiting.profile, answer="y\n")
    assert result.exit_code == 0, result.output
    assert "2 full runs a period" in result.stdout
    assert f"Sign agreement {SHORT} with lab-b.example? [y/N]" in result.stderr
    assert lines(result.stdout)[-2:] == [f'agreement {SHORT} "abuse": in force', "delivered to lab-b.example"]
    assert waiting.asked("GET /v1/agreements")[0].query == {"state": ["waiting"]}


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_anything_but_yes_signs_nothing(waiting: FakeNode, answer: str) -> None:
    result = run_psi("agreements", "accept", SHORT, "--profile", waiting.profile, answer=answer)
    assert result.exit_code == 1
    assert result.stderr.endswith(
        f"error: agreement {SHORT} was not accepted; decline it with `psi agreements revoke {SHORT}` (code conflict)\n"
    )
    assert not waiting.asked(f"POST /v1/agreements/{HASH}/accept")


def test_yes_and_json(waiting: FakeNode) -> None:
    asked = run_psi("agreements", "accept", SHORT, "--json", "--profile", waiting.profile)
    assert (asked.exit_code, json.loads(asked.stdout)["error"]["code"]) == (1, "invalid-configuration")
    result = run_psi("agreements", "accept", SHORT, "--json", "--yes", "--profile", waiting.profile)
    assert json.loads(result.stdout)["state"] == "in_force"


def test_which_one_must_be_clear(waiting: FakeNode) -> None:
    waiting.answers["GET /v1/agreements"] = []
    assert (
        "no agreement waits for you" in run_psi("agreements", "accept", "--profile", waiting.profile).stderr
    )
    waiting.answers["GET /v1/agreements"] = [view("waiting"), view("waiting", hash="ab" * 32)]
    several = run_psi("agreements", "accept", "--profile", waiting.profile)
    assert f"name one of {SHORT} (lab-b.example), abab (lab-b.example)" in several.stderr


def test_a_revoked_one_is_not_accepted(waiting: FakeNode) -> None:
    waiting.answers[f"GET /v1/agreements/{SHORT}"] = view("revoked")
    result = run_psi("agreements", "accept", SHORT, "--yes", "--profile", waiting.profile)
    assert result.stderr == f"error: agreement {SHORT} is revoked: it does not wait for you (code conflict)\n"


def test_by_hand_both_ways(waiting: FakeNode, signer: Signer, tmp_path: Path) -> None:
    came, goes = tmp_path / "proposal.note", tmp_path / "accepted.note"
    came.write_bytes(AGREEMENT.signed(signer))
    waiting.answers["POST /v1/agreements/notes"] = {"state": "waiting"}
    words = ("agreements", "accept", "--in", came, "--out", goes, "--yes", "--profile", waiting.profile)
    result = run_psi(*words)
    assert result.exit_code == 0, result.output
    assert waiting.asked("POST /v1/agreements/notes")[0].json == {"note": came.read_text()}
    assert waiting.asked(f"POST /v1/agreements/{HASH}/accept")[0].query == {"send": ["false"]}
    assert goes.read_text() == "the signed note"
    assert f"the note is in {goes}: hand it to lab-b.example" in result.stdout


def test_their_signature_in_a_file_puts_ones_own_proposal_in_force(
    waiting: FakeNode, signer: Signer, tmp_path: Path
) -> None:
    came = tmp_path / "accepted.note"
    came.write_bytes(AGREEMENT.signed(signer))
    waiting.answers |= {
        "POST /v1/agreements/notes": {"state": "in_force"},
        f"GET /v1/agreements/{HASH}": view("in_force"),
    }
    result = run_psi("agreements", "accept", "--in", came, "--profile", waiting.profile)
    assert (result.exit_code, lines(result.stdout)) == (0, [f'agreement {SHORT} "abuse": in force'])
    assert not waiting.asked(f"POST /v1/agreements/{HASH}/accept")


def test_a_file_must_be_about_the_agreement_that_was_named(
    waiting: FakeNode, signer: Signer, tmp_path: Path
) -> None:
    came = tmp_path / "note"
    came.write_bytes(AGREEMENT.signed(signer))
    result = run_psi("agreements", "accept", "0000", "--in", came, "--yes", "--profile", waiting.profile)
    assert (result.exit_code, waiting.requests) == (1, [])
    assert f"is about agreement {SHORT}, not the one that you named" in result.stderr


def test_a_file_that_is_neither(waiting: FakeNode, tmp_path: Path) -> None:
    keys = NodeKeys.generate(LAB, NOW)
    (tmp_path / "card").write_bytes(keys.card(LAB, f"{LAB}:7443", NOW))
    result = run_psi("agreements", "accept", "--in", tmp_path / "card", "--profile", waiting.profile)
    assert "is neither an agreement nor a revocation" in result.stderr
    assert not waiting.requests


def test_revoking(waiting: FakeNode, signer: Signer, tmp_path: Path) -> None:
    revoked = view("revoked", revocation="the revocation", delivered="revoked")
    waiting.answers[f"POST /v1/agreements/{HASH}/revoke"] = revoked
    kept = run_psi("agreements", "revoke", SHORT, "--profile", waiting.profile, answer="n\n")
    assert (kept.exit_code, waiting.asked(f"POST /v1/agreements/{HASH}/revoke")) == (1, [])
    out = tmp_path / "revoked.note"
    words = ("agreements", "revoke", SHORT, "--reason", "it is over", "--yes", "--out", out)
    assert run_psi(*words, "--profile", waiting.profile).exit_code == 0
    (asked,) = waiting.asked(f"POST /v1/agreements/{HASH}/revoke")
    assert (asked.json, asked.query) == ({"reason": "it is over"}, {"send": ["false"]})
    assert out.read_text() == "the revocation"
    assert (
        "name the agreement to revoke" in run_psi("agreements", "revoke", "--profile", waiting.profile).stderr
    )


def test_taking_their_revocation_by_hand(waiting: FakeNode, signer: Signer, tmp_path: Path) -> None:
    text = Revocation(agreement=HASH, lab=LAB, reason="over", created="2026-11-24T09:30:00Z")
    (tmp_path / "note").write_bytes(text.signed(signer))
    waiting.answers |= {
        "POST /v1/agreements/notes": {"state": "revoked"},
        f"GET /v1/agreements/{HASH}": view("revoked"),
    }
    result = run_psi("agreements", "revoke", "--in", tmp_path / "note", "--profile", waiting.profile)
    assert (result.exit_code, lines(result.stdout)) == (0, [f'agreement {SHORT} "abuse": revoked'])


def test_sending_again_or_writing_a_file(waiting: FakeNode, tmp_path: Path) -> None:
    waiting.answers[f"POST /v1/agreements/{SHORT}/send"] = view("proposed", delivered="waiting")
    assert (
        "delivered to lab-b.example"
        in run_psi("agreements", "send", SHORT, "--profile", waiting.profile).stdout
    )
    out = tmp_path / "note"
    assert run_psi("agreements", "send", SHORT, "--out", out, "--profile", waiting.profile).exit_code == 0
    assert out.read_text() == "the signed note"
    nowhere = run_psi(
        "agreements", "send", SHORT, "--out", tmp_path / "no" / "note", "--profile", waiting.profile
    )
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (1, True)


def test_list_and_show(waiting: FakeNode) -> None:
    waiting.answers["GET /v1/agreements"] = Turns([[view("waiting"), view("in_force")], []])
    listed = lines(
        run_psi(
            "agreements", "list", "--state", "waiting", "--peer", LAB, "--profile", waiting.profile
        ).stdout
    )
    assert listed[1].split("   ")[-1].strip() == f"waiting for you: psi agreements accept {SHORT}"
    assert listed[2].endswith("in force")
    assert waiting.requests[0].query == {"state": ["waiting"], "peer": [LAB]}
    assert "psi agreements propose LAB" in run_psi("agreements", "--profile", waiting.profile).stdout
    shown = run_psi("agreements", "show", SHORT, "--profile", waiting.profile).stdout
    assert "2 full runs a period" in shown
    found = json.loads(run_psi("agreements", "show", SHORT, "--json", "--profile", waiting.profile).stdout)
    assert (found["words"], Agreement.model_validate_json(json.dumps(found["terms"]))) == (WORDS, AGREEMENT)


def test_showing_the_only_one_needs_no_name(waiting: FakeNode) -> None:
    waiting.answers["GET /v1/agreements"] = Turns(
        [
            [view("revoked", hash="cd" * 32), view("waiting")],
            [view("revoked")],
            [view("in_force"), view("proposed", hash="ab" * 32)],
        ]
    )
    assert "2 full runs a period" in run_psi("agreements", "show", "--profile", waiting.profile).stdout
    assert "there is no agreement" in run_psi("agreements", "show", "--profile", waiting.profile).stderr
    several = run_psi("agreements", "show", "--profile", waiting.profile)
    assert f"name one of {SHORT} (lab-b.example), abab (lab-b.example)" in several.stderr


@pytest.mark.parametrize("how", ["declined", "withdrawn", "revoked"])
def test_how_one_ended_is_said_with_who_when_and_why(waiting: FakeNode, how: str) -> None:
    ended = {"how": how, "by": LAB, "at": "2026-11-24T09:30:00Z", "reason": "too much"}
    found = view("revoked", ended=ended)
    waiting.answers |= {"GET /v1/agreements": [found], f"GET /v1/agreements/{SHORT}": found}
    words = f"{how} by lab-b.example, 2026-11-24: too much"
    assert words in run_psi("agreements", "--profile", waiting.profile).stdout
    shown = run_psi("agreements", "show", SHORT, "--profile", waiting.profile).stdout
    assert shown.endswith(f"  state           {words}\n")
