"""The table of kinds, and the bounds that every value passes first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from psi_core import kinds
from psi_core.errors import InvalidIndicator
from psi_core.kinds import KINDS, PROFILE, Strength, canonical, derived

# The first table of indicators.md, one example a kind.
EXAMPLES = {
    "email": "john@example.com",
    "email_mailbox": "john@gmail.com",
    "phone": "+493012345678",
    "card": "4111111111111111",
    "card_partial": "411111:1111:0927",
    "iban": "GB82WEST12345698765432",
    "bic": "DEUTDEFF",
    "evm_address": "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
    "btc_address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "ip_prefix": "192.0.2.0/24",
    "domain": "www.example.com",
    "registrable_domain": "example.com",
    "asn": "64496",
    "ja4": "t13d1516h2_8daaf6152771_b186095e22b6",
    "user_agent": "curl/8.5.0",
    "device_id": "android:3F2504E0",
    "username": "github:octocat",
    "organisation": "lab-a.example:acme",
    "prompt_template": "x" * 64,
}


def test_every_kind_of_profile_v1_is_there() -> None:
    assert PROFILE == "v1"
    assert set(KINDS) == set(EXAMPLES)


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_each_kind_reads_its_own_form(kind: str) -> None:
    assert canonical(kind, EXAMPLES[kind]) == EXAMPLES[kind]
    assert canonical(kind, f" {EXAMPLES[kind]}\r\n") == EXAMPLES[kind]


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("\u3000\u00a0 ", "empty"),
        ("a" * 4097, "longer than 4096"),
        ("a\x00b", "control character"),
        ("\x1cab", "control character"),
        ("ab\x7f", "control character"),
        ("a\ud800b", "control character"),
    ],
)
def test_bounds_come_before_every_reader(kind: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical(kind, value)
    assert refused.value.kind == kind


def test_an_unknown_kind_is_not_repeated() -> None:
    with pytest.raises(InvalidIndicator, match="not a valid kind: unknown") as refused:
        canonical("john@example.com", "email")
    assert "john" not in str(refused.value)


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_no_message_and_no_visible_cause_holds_the_value(kind: str) -> None:
    secret = "s3cr3t" + "\u20ac\u0378" + "@@..//'\"<"
    with pytest.raises(InvalidIndicator) as refused:
        canonical(kind, secret if not kind.startswith(("user_agent", "prompt")) else secret + "\x01")
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_families_keep_kinds_that_follow_from_one_another_together() -> None:
    for parent, child in [
        ("email", "email_mailbox"),
        ("domain", "registrable_domain"),
        ("card", "card_partial"),
    ]:
        assert KINDS[parent].family == KINDS[child].family
    assert {KINDS[kind].family for kind in ("ipv4", "ipv6", "ip_prefix", "asn")} == {"network"}
    assert KINDS["iban"].family == KINDS["bic"].family


def test_what_cannot_be_enumerated_and_what_is_low_in_entropy() -> None:
    assert {name for name, kind in KINDS.items() if kind.strength is Strength.STRONG} == {
        *("evm_address", "btc_address", "device_id", "prompt_template")
    }
    assert all(not kind.enumerable for kind in KINDS.values() if kind.strength is Strength.STRONG)
    assert all(kind.enumerable for kind in KINDS.values() if kind.low_entropy)
    assert all(KINDS[kind].low_entropy for kind in ("ipv4", "phone", "card", "iban"))
    assert not KINDS["email"].low_entropy


@pytest.mark.parametrize("kind", sorted(set(EXAMPLES) - {"email", "ipv4", "ipv6", "domain"}))
def test_other_kinds_derive_nothing(kind: str) -> None:
    assert derived(kind, EXAMPLES[kind]) == ()


def test_importing_the_package_loads_no_library() -> None:
    libraries = ["phonenumbers", "publicsuffixlist", "idna", "email_validator", "stdnum", "bech32m", "Crypto"]
    code = f"import sys, psi_core.kinds; print([name for name in {libraries} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_public_names() -> None:
    assert sorted(kinds.__all__) == sorted(set(kinds.__all__))
    assert set(kinds.__all__) == {
        *("FINGERPRINT_SIZE", "IP", "IP_KINDS", "KEY_SIZE", "KINDS", "MAX_KINDS", "MAX_PRODUCT", "MAX_VALUE"),
        *("PROFILE", "RARITY_RULES", "STRENGTH_RULES", "Assessment", "Evidence", "Kind", "MatchKey"),
        *("RarityRule", "Strength", "StrengthRule", "canonical", "derived", "fingerprint", "key_id"),
        *("kind_named", "kind_of_address", "lengths", "resolved", "stored_kinds", "strength"),
    }
    assert all(hasattr(kinds, name) for name in kinds.__all__)
