"""The report for people: one file, nothing loaded, every word escaped, every claim explained."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from psi_client.audit import Auditor, Claim, Place, Report, State, html_report
from psi_client.audit.claims import ONE_LOG, SUCCESSION
from psi_client.audit.meanings import MEANINGS
from psi_client.audit.two_logs import ONE_LAB, TWO_COPIES, TWO_LOGS
from psi_core.log.tiles import decode_bundle, encode_bundle
from tests.logged_labs import Lab, honest

HOSTILE = "<script>alert(1)</script>\" onload='x' &amp; \u202egnirts \x00"


class Reader(HTMLParser):
    """Gathers tags, attributes and text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, set[str]] = {}
        self.words = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data


def test_every_claim_is_explained() -> None:
    assert set(MEANINGS) == {*ONE_LOG, *SUCCESSION, *TWO_LOGS, *ONE_LAB, *TWO_COPIES}


def test_an_honest_audit(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    keys = [*lab_a.verifiers, *lab_b.verifiers]
    report = Auditor(keys).verify([lab.export(tmp_path / lab.name) for lab in (lab_a, lab_b)])
    document = html_report(report, made="today", keys=keys)
    read = Reader(document)
    assert "Nothing in the logs contradicts" in read.words
    assert all(meaning in read.words for name, meaning in MEANINGS.items() if name in {*ONE_LOG, *TWO_LOGS})
    assert report.heads[0].root in read.words
    assert all(key.name in read.words for key in keys)
    assert "Entries that show it: lab-a.example/psi-log 0." in read.words
    assert set(read.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "span", "table"),
        *("tr", "th", "td", "ul", "li", "code", "strong"),
    }
    assert set(read.attributes) <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    assert not re.search(r"https?:|url\(|@import|javascript", document)
    assert "default-src 'none'" in document


def test_what_is_broken_and_what_is_open_stand_before_all_claims(
    lab_a: Lab, lab_b: Lab, tmp_path: Path
) -> None:
    honest(lab_a, lab_b)
    keys = [*lab_a.verifiers, *lab_b.verifiers]
    folders = [lab.export(tmp_path / lab.name) for lab in (lab_a, lab_b)]
    (bundle,) = (folders[0] / "tile" / "entries").rglob("*.p/*")
    bundle.write_bytes(encode_bundle(decode_bundle(bundle.read_bytes())[:-1]))
    words = Reader(html_report(Auditor(keys).verify(folders), made="today", keys=keys)).words
    last = len(lab_a.entries) - 1
    sentence = (
        f"Entry {last} and all after it are missing. Entries that show it: lab-a.example/psi-log {last}."
    )
    order = (
        "Something is wrong",
        "What is broken",
        sentence,
        "What could not be proven",
        "What was looked at",
    )
    found = [words.index(each) for each in order]
    assert found == sorted(found)
    assert words.index("claim, and what it means") > found[-1]


def test_hostile_words_stay_words() -> None:
    claim = Claim(
        name=HOSTILE,
        logs=(HOSTILE,),
        state=State.BROKEN,
        words=HOSTILE,
        entries=(Place(log=HOSTILE, position=3), Place(log=HOSTILE, position=4)),
    )
    document = html_report(Report(claims=(claim,)), made=HOSTILE, keys=())
    read = Reader(document)
    assert "script" not in read.tags
    assert "onload" not in read.attributes
    assert "<script>alert(1)</script>" in read.words
    assert "\u202e" not in document
    assert "\x00" not in document
    assert "Something is wrong" in read.words


def test_too_little_given_is_not_called_well(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    lab_a.pad(3)
    report = Auditor(lab_b.verifiers).verify([lab_a.export(tmp_path / "a")])
    words = Reader(html_report(report, made="today", keys=lab_b.verifiers)).words
    assert "Too little was given" in words
    assert "Nothing in the logs contradicts" not in words
