"""One log after the other: an audit follows an honest change of the log key, and finds every lie about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from psi_client.audit import Auditor, State
from psi_client.audit.report import Report
from psi_core.errors import InvalidCheckpoint, InvalidText
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Signer
from psi_core.log.succession import Continuation, number_of, origin_after, successor, successor_body
from tests.logged_labs import Lab, honest

NAME = "lab-a.example"


def next_of(old: Lab) -> Lab:
    """The same lab with its next log, still empty."""
    new = Lab(NAME, 1)
    new.log_key = Signer.from_seed(f"{NAME}/psi-log/2", bytes([77]) * 32)
    return new


def begin(old: Lab, new: Lab, reason: Any = "rotated", **changes: Any) -> None:
    values: dict[str, Any] = {"checkpoint": old.checkpoint(), "known": len(old.entries)} | changes
    continuation = Continuation(reason, old.log_key.verifier, values["checkpoint"], values["known"])
    new.add(EntryKind.KEY, {"log": str(new.log_key.verifier)} | continuation.body())
    new.pad(3)


def rotate(old: Lab, new: Lab) -> None:
    old.add(EntryKind.KEY, successor_body(new.log_key.verifier))
    begin(old, new)


def audit(folder: Path, *labs: Lab, given: tuple[Lab, ...] = ()) -> Report:
    keys = [
        key for lab in labs for key in (lab.log_key.verifier, lab.document.verifier, lab.cosigner.verifier)
    ]
    folders = [lab.export(folder / str(number)) for number, lab in enumerate(given or labs)]
    return Auditor(list(dict.fromkeys(keys))).verify(folders)


def found(report: Report, name: str) -> list[tuple[State, str]]:
    return [(claim.state, claim.words) for claim in report.claims if claim.name == name]


def two() -> tuple[Lab, Lab, Lab]:
    old, other = Lab(NAME, 1), Lab("lab-b.example", 11)
    honest(old, other)
    return old, next_of(old), other


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_an_honest_rotation_is_proven_in_whatever_order_folders_are_given(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    labs = two()
    rotate(labs[0], labs[1])
    report = audit(tmp_path, *(labs[each] for each in order))
    assert report.count(State.BROKEN) == 0, report.unproven
    assert [state for state, _ in found(report, "succession of logs")] == [State.PROVEN] * 2
    assert [state for state, _ in found(report, "one log continues the other")] == [State.PROVEN]
    assert report.heads[0].log == labs[order[0]].log_key.name


def test_the_old_log_is_asked_for(tmp_path: Path) -> None:
    old, new, other = two()
    rotate(old, new)
    report = audit(tmp_path, old, new, other, given=(new, other))
    ((state, words),) = found(report, "succession of logs")
    assert (state, "which was not given" in words) == (State.NOT_PROVABLE, True)
    assert ("not provable", "counters complete") in {(each.state, each.name) for each in report.claims}


def goes_on(old: Lab, new: Lab) -> None:
    rotate(old, new)
    old.pad(1)


def another_successor(old: Lab, new: Lab) -> None:
    old.add(EntryKind.KEY, successor_body(Signer.generate(f"{NAME}/psi-log/2").verifier))
    begin(old, new)


def no_successor(old: Lab, new: Lab) -> None:
    begin(old, new)


def earlier_end(old: Lab, new: Lab) -> None:
    """The new log names a checkpoint before the last entries of the old one."""
    before, known = old.checkpoint(), len(old.entries)
    old.pad(2)
    old.add(EntryKind.KEY, successor_body(new.log_key.verifier))
    begin(old, new, checkpoint=before, known=known)


def forked_end(old: Lab, new: Lab) -> None:
    """The checkpoint that the new log names is of another old log of the same size."""
    fork = Lab(NAME, 1)
    fork.pad(len(old.entries) + 1)
    old.add(EntryKind.KEY, successor_body(new.log_key.verifier))
    begin(old, new, checkpoint=fork.checkpoint())


def longer_end(old: Lab, new: Lab) -> None:
    """The old log is handed in without its end."""
    longer = Lab(NAME, 1)
    longer.entries, longer.nodes = list(old.entries), dict(old.nodes)
    longer.pad(4)
    old.add(EntryKind.KEY, successor_body(new.log_key.verifier))
    begin(old, new, checkpoint=longer.checkpoint(), known=len(longer.entries))


def begun_late(old: Lab, new: Lab) -> None:
    new.pad(1)
    rotate(old, new)


def two_successors(old: Lab, new: Lab) -> None:
    old.add(EntryKind.KEY, successor_body(Signer.generate(f"{NAME}/psi-log/3").verifier))
    rotate(old, new)


def made_up(old: Lab, new: Lab) -> None:
    """The checkpoint in the first entry was signed by another key."""
    forger = Lab(NAME, 40)
    forger.pad(len(old.entries) + 1)
    old.add(EntryKind.KEY, successor_body(new.log_key.verifier))
    begin(old, new, checkpoint=forger.checkpoint())


LIES = [
    *(goes_on, another_successor, no_successor, earlier_end, forked_end, longer_end, begun_late),
    *(two_successors, made_up),
]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(tmp_path: Path, lie: Callable[[Lab, Lab], None]) -> None:
    old, new, other = two()
    lie(old, new)
    report = audit(tmp_path, old, new, other)
    names = {claim.name for claim in report.claims if claim.state is State.BROKEN}
    assert names & {"succession of logs", "one log continues the other"}, report
    assert report.unproven


@pytest.mark.parametrize("hidden", [0, 1])
def test_a_new_start_has_to_name_all_that_others_have_seen(tmp_path: Path, hidden: int) -> None:
    """lab-b holds a checkpoint of entries that are lost: declared they are a loss, hidden they are a lie."""
    old, new, other = two()
    last, size = old.checkpoint(), len(old.entries)
    whole = Lab(NAME, 1)
    whole.entries, whole.nodes = list(old.entries), dict(old.nodes)
    whole.pad(5)
    other.add(EntryKind.CHECKPOINT, {"note": whole.checkpoint().decode()}, peer=NAME)
    begin(old, new, "lost", checkpoint=last, known=size + 5 - hidden)
    report = audit(tmp_path, old, new, other)
    forks = {state for state, _ in found(report, "no fork between the labs")}
    assert (State.BROKEN in forks) is bool(hidden)
    ((state, words),) = found(report, "one log continues the other")
    assert (state, f"last {5 - hidden} known entries" in words) == (State.NOT_PROVABLE, True)


def test_entries_that_say_nothing_of_a_neighbour_or_are_malformed() -> None:
    plain = Entry(EntryKind.KEY, bytes(16), "2026-11-24T00:00:00Z", None, {"log": "x"})
    assert (Continuation.of(plain), successor(plain)) == (None, None)
    key = str(Signer.generate(f"{NAME}/psi-log").verifier)
    good = {"action": "continues", "reason": "lost", "old_log": key, "checkpoint": "x", "known": 3}
    for wrong in ({"reason": "bored"}, {"known": -1}, {"known": "3"}, {"checkpoint": 7}, {"old_log": "x"}):
        with pytest.raises(InvalidText):
            Continuation.of(Entry(EntryKind.KEY, bytes(16), plain.time, None, good | wrong))
    lab = Lab(NAME, 1)
    lab.pad(4)
    for reason, known in (("lost", 3), ("rotated", 5)):
        with pytest.raises(InvalidCheckpoint):
            Continuation(reason, lab.log_key.verifier, lab.checkpoint(), known).verified()  # type: ignore[arg-type]
    assert Continuation("lost", lab.log_key.verifier, lab.checkpoint(), 9).verified().size == 4


@pytest.mark.parametrize(
    ("origin", "number", "after"),
    [
        ("lab-a.example/psi-log", 1, "/2"),
        ("lab-a.example/psi-log/2", 2, "/3"),
        ("lab-a.example/psi-log/99", 99, "/100"),
    ],
)
def test_origins_are_numbered(origin: str, number: int, after: str) -> None:
    assert number_of(origin) == number
    assert origin_after(origin) == f"lab-a.example/psi-log{after}"
    assert origin_after(origin, 7) == "lab-a.example/psi-log/7"


@pytest.mark.parametrize(
    "origin", ["lab-a.example", "lab-a.example/psi-log/1", "lab-a.example/psi-log/02", "x/psi-log/2/3"]
)
def test_other_names_are_no_origins(origin: str) -> None:
    with pytest.raises(InvalidText):
        number_of(origin)
