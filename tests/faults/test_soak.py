"""The soak, short: what it draws, what it counts, and that it would notice a lie in the books."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks.__main__ import main
from benchmarks.both_books import Sessions, _compare
from psi_core.errors import TranscriptMismatch


def test_a_small_soak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "soak", "--sessions", "8", "--seed", "5", "--json"])
    main()
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["sessions"] == sum(found["outcomes"].values()) >= 8
    assert found["outcomes"]["complete"] <= found["held_by_both"]["complete"]
    assert sum(found["faults"].values()) > found["faults"].get("none", 0)
    assert found["books_agree"] is True


def held(**changes: object) -> dict[str, dict[str, object]]:
    return {"0" * 32: {"state": "complete", "record": b"one text\n\n\xe2\x80\x94 x AAAAAAAA\n"} | changes}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (held(), {}),
        ({}, held()),
        (held(), held(state="aborted")),
        (held(), held(record=b"another text\n\n\xe2\x80\x94 x AAAAAAAA\n")),
        (held(state="pending"), held()),
        (held(state="open"), held(state="open")),
    ],
)
def test_books_that_differ_are_noticed(ours: Sessions, theirs: Sessions) -> None:
    _compare(held(), held())
    _compare(held(state="aborted"), {})
    with pytest.raises(TranscriptMismatch, match="0" * 32):
        _compare(ours, theirs)
