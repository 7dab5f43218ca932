"""Two logs of two labs: one record a session, the same in both, none left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psi_client.audit import Auditor, Claim, Place, State
from psi_client.audit.two_logs import TWO_LOGS
from psi_core.errors import VerificationError
from psi_core.log.entry import EntryKind
from psi_core.log.key import Signer

SAME = "same record in both logs"
A, B = "lab-a.example/psi-log", "lab-b.example/psi-log"


@pytest.fixture
def cross(lab_a: Any, lab_b: Any, tmp_path: Path) -> Any:
    def look() -> Claim:
        folders = [lab_a.export(tmp_path / "a"), lab_b.export(tmp_path / "b")]
        report = Auditor((*lab_a.verifiers, *lab_b.verifiers)).verify(folders)
        (claim,) = [claim for claim in report.claims if claim.name == SAME]
        assert claim.logs == (A, B)
        return claim

    return look


def test_honest_sessions_in_both_orders(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, cross: Any
) -> None:
    assert next(iter(TWO_LOGS)) == SAME
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 1))
    settled(lab_b, lab_a, new_record(lab_b, lab_a, 7, session_id="f" * 32))
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 2))
    claim = cross()
    assert (claim.state, claim.words) == (State.PROVEN, "3 sessions, each with the same record in both logs")


def test_lie_another_record_in_the_other_log(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, cross: Any
) -> None:
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 1))
    lab_a.add_note(new_record(lab_a, lab_b, 2).signed(lab_a.document))
    lab_b.add_note(new_record(lab_a, lab_b, 2, outcome="fault").signed(lab_b.document))
    claim = cross()
    assert claim.state is State.BROKEN
    assert claim.entries == (Place(log=A, position=2), Place(log=B, position=1))


def test_lie_a_record_left_out_although_the_log_goes_on(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, cross: Any
) -> None:
    lab_a.pad(5)
    lab_a.add_note(new_record(lab_a, lab_b, 1).signed(lab_a.document, lab_b.document))
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 2))
    claim = cross()
    assert claim.state is State.BROKEN
    assert claim.entries == (Place(log=A, position=5),)


def test_a_record_that_the_other_copy_may_not_have_yet(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, cross: Any
) -> None:
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 1))
    settled(lab_b, lab_a, new_record(lab_b, lab_a, 9, session_id="f" * 32))
    lab_b.add_note(new_record(lab_a, lab_b, 2).signed(lab_a.document, lab_b.document))
    claim = cross()
    assert claim.state is State.NOT_PROVABLE
    assert claim.entries == (Place(log=B, position=3),)


def test_a_half_signed_record_alone_is_no_evidence(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, cross: Any
) -> None:
    lab_a.add_note(new_record(lab_a, lab_b, 1).signed(lab_a.document))
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 2))
    assert cross().state is State.PROVEN


def test_sessions_with_third_labs_are_passed_over(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, cross: Any
) -> None:
    lab_c = type(lab_a)("lab-c.example", 21)
    settled(lab_a, lab_c, new_record(lab_a, lab_c, 1, session_id="c" * 32))
    assert cross().state is State.NOT_PROVABLE
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 2))
    assert cross().state is State.PROVEN


def test_nothing_is_proven_across_logs_when_one_of_them_is_not(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, tmp_path: Path
) -> None:
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 1))
    folders = [lab_a.export(tmp_path / "a"), lab_b.export(tmp_path / "b")]
    report = Auditor((*lab_a.verifiers, Signer.generate(B).verifier)).verify(folders)
    across = [claim for claim in report.claims if claim.name in TWO_LOGS]
    assert {claim.state for claim in across} == {State.NOT_PROVABLE}
    assert all("not proven" in claim.words for claim in across)
    with pytest.raises(VerificationError):
        report.check()


def test_two_logs_of_one_lab_are_no_two_labs(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, tmp_path: Path
) -> None:
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 1))
    folders = [lab_a.export(tmp_path / "one")]
    lab_a.log_key = Signer.from_seed("lab-a.example/psi-log/2", bytes([9]) * 32)
    folders.append(lab_a.export(tmp_path / "two"))
    keys = [*lab_a.verifiers, Signer.from_seed("lab-a.example/psi-log", bytes([2]) * 32).verifier]
    across = [claim for claim in Auditor(keys).verify(folders).claims if len(claim.logs) == 2]
    assert [(claim.name, claim.state) for claim in across] == [
        ("one log continues the other", State.NOT_PROVABLE)
    ]


def test_a_log_started_anew_is_still_of_its_lab(
    lab_a: Any, lab_b: Any, new_record: Any, settled: Any, tmp_path: Path
) -> None:
    lab_b.log_key = Signer.from_seed("lab-b.example/psi-log/2", bytes([9]) * 32)
    settled(lab_a, lab_b, new_record(lab_a, lab_b, 1))
    folders = [lab_a.export(tmp_path / "a"), lab_b.export(tmp_path / "b")]
    report = Auditor((*lab_a.verifiers, *lab_b.verifiers)).verify(folders)
    (claim,) = [claim for claim in report.claims if claim.name == SAME]
    assert claim.state is State.PROVEN
    assert claim.logs == (A, "lab-b.example/psi-log/2")


def test_three_logs_are_compared_two_by_two(lab_a: Any, lab_b: Any, tmp_path: Path) -> None:
    lab_c = type(lab_a)("lab-c.example", 21)
    labs = (lab_a, lab_b, lab_c)
    folders = [lab.export(tmp_path / lab.name) for lab in labs]
    report = Auditor([each for lab in labs for each in lab.verifiers]).verify(folders)
    assert [claim.logs for claim in report.claims if claim.name == SAME] == [
        (A, B),
        (A, "lab-c.example/psi-log"),
        (B, "lab-c.example/psi-log"),
    ]


def test_the_countersigned_entry_counts_as_the_record(
    lab_a: Any, lab_b: Any, new_record: Any, cross: Any
) -> None:
    record = new_record(lab_a, lab_b, 1)
    lab_a.add_note(record.signed(lab_a.document, lab_b.document), EntryKind.COUNTERSIGNED)
    lab_b.add_note(record.signed(lab_a.document, lab_b.document))
    assert cross().state is State.PROVEN
