"""The agreement's text: what it may say, who has to sign it, and its arithmetic of periods and runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from psi_core.agreement.agreement import SMALL_BUDGET, Agreement, Revocation
from psi_core.errors import InvalidMatchKey, InvalidSignature, InvalidText, NotFound
from psi_core.log.key import Signer
from psi_core.log.note import Note

LAB_A, LAB_B = "lab-a.example", "lab-b.example"
SIGNERS = {lab: Signer.from_seed(lab, bytes([number] * 32)) for number, lab in enumerate((LAB_A, LAB_B), 1)}
FIELDS: dict[str, Any] = {
    "title": "abuse sharing 2026",
    "labs": [LAB_A, LAB_B],
    "match_keys": [
        {"match_key": "email", "max_size": 200_000, "evaluations_per_period": 1_000_000},
        {"match_key": "card", "max_size": 40_000, "evaluations_per_period": 90_000},
        {"match_key": "ip+user_agent", "max_size": 100_000, "evaluations_per_period": 500_000},
    ],
    "learns": [LAB_A, LAB_B],
    "reveal": ["items", "count"],
    "engines": [
        {"engine": "openmined", "variant": "semi-honest"},
        {"engine": "vole", "variant": "malicious"},
    ],
    "valid_from": "2026-11-01T00:00:00Z",
    "valid_until": "2027-11-01T00:00:00Z",
    "period_start": "2026-11-01T00:00:00Z",
    "period_seconds": 86_400,
    "minimum_interval_seconds": 600,
    "padding_bucket": 1024,
    "late_abort_limit": 3,
    "profile": "v1",
    "consortium_key_id": "00112233445566ff",
    "created": "2026-10-30T12:00:00Z",
    "nonce": "ab" * 16,
}


def text_of(**changes: Any) -> str:
    """The agreement's text, written without the Agreement class."""
    line = json.dumps({**FIELDS, **changes}, sort_keys=True, separators=(",", ":"))
    return f"psi-agreement/v1\n{line}\n"


def read(**changes: Any) -> Agreement:
    return Agreement.from_text(text_of(**changes))


def with_match_key(**changes: Any) -> list[dict[str, Any]]:
    return [{"match_key": "email", "max_size": 100, "evaluations_per_period": 1000, **changes}]


def test_a_text_reads_back_as_it_was_written() -> None:
    agreement = read()
    assert agreement.text() == text_of()
    assert agreement.short_id == agreement.hash().hex()[:4]
    assert agreement.terms("card").max_size == 40_000
    assert agreement.other(LAB_A) == LAB_B
    assert agreement.other(LAB_B) == LAB_A


def test_it_needs_both_labs_signatures() -> None:
    agreement = read()
    both = [SIGNERS[lab].verifier for lab in (LAB_A, LAB_B)]
    assert Agreement.open(agreement.signed(SIGNERS[LAB_A], SIGNERS[LAB_B]), *both) == agreement
    for lab in (LAB_A, LAB_B):
        with pytest.raises(InvalidSignature, match="lacks"):
            Agreement.open(agreement.signed(SIGNERS[lab]), *both)
    impostor = Signer.generate(LAB_B)
    with pytest.raises(InvalidSignature):
        Agreement.open(agreement.signed(SIGNERS[LAB_A], impostor), *both)


def test_a_signature_over_other_terms_does_not_count() -> None:
    agreed, changed = read(), read(late_abort_limit=4)
    signatures = (SIGNERS[LAB_A].sign(agreed.text()), SIGNERS[LAB_B].sign(agreed.text()))
    with pytest.raises(InvalidSignature):
        Agreement.open(Note(changed.text(), signatures).render(), SIGNERS[LAB_A].verifier)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labs": [LAB_B, LAB_A]}, "labs"),
        ({"labs": [LAB_A, LAB_A]}, "labs"),
        ({"labs": [LAB_A, LAB_B, "lab-c.example"]}, "labs"),
        ({"labs": [LAB_A, "LAB-B.example"]}, "labs"),
        ({"learns": ["lab-c.example"]}, "learns"),
        ({"learns": []}, "learns"),
        ({"learns": [LAB_B, LAB_A]}, "learns"),
        ({"learns": [LAB_A, LAB_A]}, "learns"),
        ({"match_keys": []}, "match_keys"),
        ({"match_keys": with_match_key() * 2}, "named twice"),
        ({"match_keys": with_match_key(max_size=0)}, "match_keys"),
        ({"match_keys": with_match_key(evaluations_per_period=0)}, "match_keys"),
        ({"match_keys": with_match_key(max_size=1001)}, "more than a period"),
        ({"match_keys": with_match_key(surplus=1)}, "match_keys"),
        ({"reveal": ["values"]}, "reveal"),
        ({"reveal": []}, "reveal"),
        ({"reveal": ["items", "items"]}, "listed twice"),
        ({"reveal": ["count"], "engines": [{"engine": "vole", "variant": "malicious"}]}, "openmined"),
        ({"engines": []}, "engines"),
        ({"engines": [{"engine": "other", "variant": "malicious"}]}, "engines"),
        ({"engines": [{"engine": "vole", "variant": "Malicious!"}]}, "engines"),
        ({"engines": [{"engine": "openmined", "variant": "semi-honest"}] * 2}, "listed twice"),
        ({"valid_until": "2026-11-01T00:00:00Z"}, "dates"),
        ({"valid_until": "2026-10-31T00:00:00Z"}, "dates"),
        ({"period_start": "2026-11-01T00:00:01Z"}, "dates"),
        ({"period_seconds": 3599}, "period_seconds"),
        ({"period_seconds": 366 * 86_400 + 1}, "period_seconds"),
        ({"minimum_interval_seconds": -1}, "minimum_interval_seconds"),
        ({"minimum_interval_seconds": 2**53 - 1}, "minimum_interval_seconds"),
        ({"padding_bucket": 63}, "padding_bucket"),
        ({"padding_bucket": 2**24 + 1}, "padding_bucket"),
        ({"late_abort_limit": True}, "late_abort_limit"),
        ({"late_abort_limit": "3"}, "late_abort_limit"),
        ({"consortium_key_id": "00112233445566F"}, "consortium_key_id"),
        ({"nonce": "ab" * 15}, "nonce"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"surplus": 1}, "does not belong"),
    ],
)
def test_terms_that_make_no_sense_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidText, match=words):
        read(**changes)


def test_a_match_key_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidMatchKey):
        read(match_keys=with_match_key(match_key="emails"))


@pytest.mark.parametrize("name", ["card", "phone", "ipv4", "ip", "ip_prefix", "ipv4+ip_prefix"])
def test_what_can_be_enumerated_is_only_agreed_under_a_small_budget(name: str) -> None:
    read(match_keys=with_match_key(match_key=name, evaluations_per_period=SMALL_BUDGET))
    with pytest.raises(InvalidText, match="Lower evaluations_per_period"):
        read(match_keys=with_match_key(match_key=name, evaluations_per_period=SMALL_BUDGET + 1))


@pytest.mark.parametrize("name", ["email", "device_id", "ip+user_agent", "card+phone"])
def test_other_match_keys_have_any_budget(name: str) -> None:
    read(match_keys=with_match_key(match_key=name, evaluations_per_period=2**40))


def test_fields_from_python_are_held_to_the_same_rules() -> None:
    with pytest.raises(ValidationError):
        Agreement(**{**FIELDS, "padding_bucket": 1.5})


def test_labels_are_granted_by_lab_and_field() -> None:
    grants = [{"lab": LAB_A, "fields": ["severity"]}, {"lab": LAB_B, "fields": ["campaign", "first_seen"]}]
    agreement = read(labels=grants)
    assert agreement.text() == text_of(labels=grants)
    assert agreement.granted(LAB_A) == ("severity",)
    assert agreement.granted(LAB_B) == ("campaign", "first_seen")
    assert read().granted(LAB_A) == ()
    assert "labels" not in read().text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": []}, "labels"),
        ({"labels": [{"lab": LAB_A, "fields": []}]}, "labels"),
        ({"labels": [{"lab": LAB_A, "fields": ["value"]}]}, "fields are severity"),
        ({"labels": [{"lab": LAB_A, "fields": ["campaign", "severity"]}]}, "in the order"),
        ({"labels": [{"lab": LAB_A, "fields": ["severity", "severity"]}]}, "in the order"),
        ({"labels": [{"lab": "lab-c.example", "fields": ["severity"]}]}, "does not learn"),
        ({"labels": [{"lab": LAB_A, "fields": ["severity"]}], "learns": [LAB_A]}, "does not learn"),
        (
            {"labels": [{"lab": LAB_B, "fields": ["severity"]}, {"lab": LAB_A, "fields": ["severity"]}]},
            "alphabetical",
        ),
        ({"labels": [{"lab": LAB_A, "fields": ["severity"]}], "reveal": ["count"]}, "reveal items"),
        (
            {
                "labels": [{"lab": LAB_A, "fields": ["severity"]}],
                "engines": [{"engine": "openmined", "variant": "semi-honest"}],
            },
            "oprf or vole",
        ),
    ],
)
def test_grants_that_make_no_sense_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidText, match=words):
        read(**changes)


def test_unknown_match_keys_and_labs_are_not_found() -> None:
    agreement = read()
    with pytest.raises(NotFound, match="no such match key"):
        agreement.terms("iban")
    with pytest.raises(NotFound, match="other labs"):
        agreement.other("lab-c.example")


@pytest.mark.parametrize(
    ("now", "number"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2026, 11, 1, tzinfo=UTC), 0),
        (datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 11, 2, tzinfo=UTC), 1),
        (datetime(2026, 11, 24, 9, 30, tzinfo=UTC), 23),
    ],
)
def test_periods_are_counted_from_zero(now: datetime, number: int) -> None:
    assert read().period_at(now) == number


@given(
    seconds=st.integers(3600, 366 * 86_400),
    moment=st.datetimes(datetime(2026, 11, 1), datetime(2126, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 # bounds are naive
)
def test_every_moment_lies_in_its_own_period(seconds: int, moment: datetime) -> None:
    agreement = read(period_seconds=seconds)
    number = agreement.period_at(moment)
    ends = agreement.period_ends(number)
    assert ends - timedelta(seconds=seconds) <= moment < ends


def test_full_runs_are_whole_runs_of_the_largest_size() -> None:
    agreement = read()
    assert agreement.full_runs("email") == 5
    assert agreement.full_runs("card") == 2


def test_a_revocation_is_one_labs_text() -> None:
    revocation = Revocation(
        agreement=read().hash().hex(), lab=LAB_B, reason="end of pilot", created="2026-12-01T00:00:00Z"
    )
    note = revocation.signed(SIGNERS[LAB_B])
    assert Revocation.open(note, SIGNERS[LAB_B].verifier) == revocation
    with pytest.raises(InvalidSignature):
        Revocation.open(note, SIGNERS[LAB_A].verifier)
    with pytest.raises(InvalidText, match="another type"):
        Agreement.open(note, SIGNERS[LAB_B].verifier)
