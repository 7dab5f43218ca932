"""Match keys: names, what they are worth, and the elements that an actor puts into a set."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from psi_core.errors import InvalidMatchKey
from psi_core.kinds import KINDS, MatchKey, Strength

KEY = bytes(range(32))


def value(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("email", ("email",)),
        ("ip", ("ip",)),
        ("ip+user_agent", ("ip", "user_agent")),
        ("user_agent+ip", ("user_agent", "ip")),
        ("ipv4+ipv6", ("ipv4", "ipv6")),
        ("card_partial+ja4+asn+bic", ("card_partial", "ja4", "asn", "bic")),
    ],
)
def test_name_is_read_in_its_own_order(name: str, kinds: tuple[str, ...]) -> None:
    key = MatchKey.parse(name)
    assert (key.name, key.kinds) == (name, kinds)
    assert key == MatchKey.parse(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "unknown"),
        ("+", "unknown"),
        ("email+", "kind 2"),
        ("Email", "kind 1"),
        (" email", "kind 1"),
        ("canary", "kind 1"),
        ("ip,user_agent", "kind 1"),
        ("email+email", "twice"),
        ("ip+ipv4", "twice"),
        ("ipv6+ip", "twice"),
        ("ja4+asn+bic+email+iban", "one to 4"),
        ("email+" * 100_000, "one to 4"),
    ],
)
def test_other_names_are_refused(name: str, reason: str) -> None:
    with pytest.raises(InvalidMatchKey, match=reason):
        MatchKey.parse(name)


def test_a_peers_name_is_not_repeated() -> None:
    with pytest.raises(InvalidMatchKey) as refused:
        MatchKey.parse("john@example.com")
    assert "john" not in str(refused.value)


@pytest.mark.parametrize("name", ["phone", "card", "card_partial", "iban", "ipv4", "ip", "ip_prefix", "asn"])
def test_kinds_that_can_all_be_tried_are_low_in_entropy_alone(name: str) -> None:
    assert MatchKey.parse(name).low_entropy
    assert not MatchKey.parse(f"{name}+username").low_entropy


@pytest.mark.parametrize("name", ["email", "device_id", "evm_address", "ipv6", "domain", "ip+user_agent"])
def test_others_are_not(name: str) -> None:
    assert not MatchKey.parse(name).low_entropy


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("device_id", Strength.STRONG),
        ("email", Strength.MEDIUM),
        ("email+email_mailbox", Strength.MEDIUM),
        ("email+phone", Strength.STRONG),
        ("ip+user_agent", Strength.WEAK),
        ("ja4", Strength.WEAK),
    ],
)
def test_strength_of_a_match_key_alone(name: str, strength: Strength) -> None:
    assert MatchKey.parse(name).strength is strength


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_kind_alone_is_worth_its_own_strength(name: str) -> None:
    assert MatchKey.parse(name).strength is KINDS[name].strength


def test_one_kind_puts_in_its_fingerprints() -> None:
    by_kind = {"email": [value(2), value(1), value(2)], "phone": [value(9)]}
    assert MatchKey.parse("email").fingerprints(KEY, by_kind) == (value(1), value(2))


def test_one_kind_has_no_cap() -> None:
    by_kind = {"email": [value(number) for number in range(1000)]}
    assert len(MatchKey.parse("email").fingerprints(KEY, by_kind)) == 1000


def test_ip_is_both_versions() -> None:
    by_kind = {"ipv6": [value(1)], "ipv4": [value(2)]}
    assert MatchKey.parse("ip").fingerprints(KEY, by_kind) == (value(1), value(2))
    assert len(MatchKey.parse("ip+asn").fingerprints(KEY, {**by_kind, "asn": [value(3)]})) == 2


def test_joined_is_an_hmac_over_name_and_fingerprints_in_the_names_order() -> None:
    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    by_kind = {"user_agent": [value(1)], "ipv4": [value(2)]}
    for name, order in [("ip+user_agent", (2, 1)), ("user_agent+ip", (1, 2))]:
        message = b"".join(field(data) for data in (b"psi-match-key/v1", name.encode(), *map(value, order)))
        assert MatchKey.parse(name).fingerprints(KEY, by_kind) == (
            hmac.new(KEY, message, hashlib.sha256).digest(),
        )


def test_a_missing_kind_leaves_the_actor_out() -> None:
    key = MatchKey.parse("ip+user_agent")
    assert key.fingerprints(KEY, {"ipv4": [value(1)]}) == ()
    assert key.fingerprints(KEY, {"ipv4": [value(1)], "user_agent": []}) == ()
    assert MatchKey.parse("email").fingerprints(KEY, {}) == ()


def test_at_most_64_combinations() -> None:
    key = MatchKey.parse("ip+user_agent")
    eight = [value(number) for number in range(8)]
    assert len(key.fingerprints(KEY, {"ipv4": eight, "user_agent": eight})) == 64
    # A value given twice is one value.
    assert len(key.fingerprints(KEY, {"ipv4": eight + eight, "user_agent": eight})) == 64
    with pytest.raises(InvalidMatchKey, match=r"65 combinations of ip\+user_agent"):
        key.fingerprints(KEY, {"ipv4": [value(n) for n in range(65)], "user_agent": [value(1)]})
    with pytest.raises(InvalidMatchKey, match="72 combinations"):
        key.fingerprints(KEY, {"ipv4": eight, "ipv6": [value(99)], "user_agent": eight})
