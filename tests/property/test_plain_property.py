"""Plain spellings: whenever the fast path answers, the kind's reader gives the same; it answers where it should."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from psi_core.errors import InvalidIndicator
from psi_core.kinds import plain as module_of_plain
from psi_core.kinds.canonical import as_read, canonical, derived, resolved
from psi_core.kinds.plain import plain
from psi_core.kinds.registry import KINDS

HOST = "[A-Za-z0-9-]{1,64}"
# Close to what each function takes, on both sides of its edge.
NEAR = {
    "email": rf"[A-Za-z0-9.+_'%-]{{1,66}}@({HOST}\.){{1,3}}[A-Za-z0-9-]{{1,8}}",
    "domain": rf"(({HOST}|xn--[a-z0-9-]{{1,9}})\.){{1,4}}([A-Za-z0-9-]{{1,8}}|xn--p1ai|0x[0-9a-f]{{1,2}})\.?",
    "ipv4": r"[0-9]{1,3}(\.[0-9]{1,3}){3}",
    "ipv6": r"([0-9A-Fa-f]{1,4}:|0:|ffff:){1,7}(:([0-9A-Fa-f]{1,4}:|0:){0,5})?([0-9A-Fa-f]{1,4}|0|(1\.){3}1)?",
    "ip_prefix": r"[0-9]{1,3}(\.[0-9]{1,3}){2}\.[01]/(24|32|2)",
    "card": r"[0-9][0-9 -]{11,20}",
    "iban": r"(AT|BE|CH|CZ|DE|DK|EE|ES|FI|FR|GB|HR|HU|IE|IT|LI|LT|LU|NL|NO|PL|PT|RO|SE|SK|XX)[0-9]{2}[A-Z0-9 -]{11,30}",
    "phone": r"\+(1|44|49|3[1349]|48|4[16]|7|380|9[012]|8[1246]|6[1235]|880|27|20|234|97[12]|966)[0-9 -]{6,13}",
    "evm_address": r"0[xX]([0-9a-f]{39,41}|[0-9a-fA-F]{40})",
    "user_agent": r"[ -~\t\x80é]{0,40}",
    "device_id": r"[A-Za-z0-9_.-]{0,66}:[ -~é]{0,20}",
    "username": r"[A-Za-z0-9_.-]{0,3}:[ -~é]{0,20}",
    "organisation": r" ?[a-z]{1,3} ?: ?[ -~é]{0,20} ?",
}
# What each function is there for, read from its own pattern, so that a wrong alternative cannot hide.
WITHIN = {
    "domain": module_of_plain._IS_DOMAIN,
    "ipv4": module_of_plain._IS_IPV4,
    "ipv6": module_of_plain._IS_IPV6,
    "ip_prefix": module_of_plain._IS_IPV4_NET,
    "phone": module_of_plain._IS_PHONE,
    "evm_address": module_of_plain._IS_EVM,
    "device_id": module_of_plain._IS_NAMESPACED,
}


def same_as_read(kind: str, value: str) -> bool:
    """Holds an answer of `plain` against the reader; whether there was one."""
    known = plain(kind, value)
    if known is not None:
        assert as_read(kind, value) == known
    return known is not None


def test_every_kind_with_a_plain_spelling_is_tried() -> None:
    assert set(NEAR) == set(module_of_plain._PLAIN) <= set(KINDS)


@pytest.mark.parametrize("kind", sorted(NEAR))
def test_plain_agrees_with_the_reader_at_its_edges(kind: str) -> None:
    @settings(max_examples=150, deadline=None, database=None)
    @given(st.from_regex(NEAR[kind], fullmatch=True) | st.text(max_size=40))
    def check(value: str) -> None:
        same_as_read(kind, value)

    check()


@pytest.mark.parametrize("kind", sorted(WITHIN))
def test_plain_agrees_with_the_reader_on_what_it_takes(kind: str) -> None:
    @settings(max_examples=150, deadline=None, database=None)
    @given(st.from_regex(WITHIN[kind].__self__, fullmatch=True))
    def check(value: str) -> None:
        assert same_as_read(kind, value) or len(value) > 253

    check()


@settings(max_examples=150, deadline=None)
@given(st.from_regex(module_of_plain._IS_IBAN.__self__, fullmatch=True))
def test_plain_agrees_with_the_reader_on_valid_account_numbers(account: str) -> None:
    valid = account[:2] + str(mod_97_10.calc_check_digits(account[4:] + account[:2])) + account[4:]
    assert same_as_read("iban", valid)
    assert same_as_read("iban", " ".join(valid[at : at + 4] for at in range(0, len(valid), 4)))
    wrong = valid[:2] + f"{(int(valid[2:4]) + 1) % 100:02d}" + valid[4:]
    assert not same_as_read("iban", wrong)


@settings(max_examples=150, deadline=None)
@given(st.from_regex(r"[1-9][0-9]{10,17}", fullmatch=True), st.integers(0, 9))
def test_plain_agrees_with_the_reader_on_card_numbers(body: str, last: int) -> None:
    assert same_as_read("card", body + luhn.calc_check_digit(body))
    assert same_as_read("card", body + str(last)) == (str(last) == luhn.calc_check_digit(body))


@settings(max_examples=300, deadline=None)
@given(
    st.ip_addresses() | st.integers(0, 2**32 - 1).map(lambda low: ip_address((0x2001 << 112) + (low << 48)))
)
def test_addresses_and_their_networks(address: object) -> None:
    kind = f"ipv{ip_address(str(address)).version}"
    same_as_read(kind, str(address))
    exact, form = resolved("ip", str(address))
    steps = (24,) if exact == "ipv4" else (64, 48)
    assert derived(exact, form) == tuple(
        ("ip_prefix", str(ip_network(f"{form}/{step}", strict=False))) for step in steps
    )


def test_a_region_that_is_none_is_refused_for_plain_numbers_too() -> None:
    assert plain("phone", "+491712345678") == canonical("phone", "+491712345678", region="DE")
    with pytest.raises(InvalidIndicator, match="region"):
        canonical("phone", "+491712345678", region="QQ")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "someone.else+tag@mail.example.com"),
        ("email", "Some_One@GMAIL.com"),
        ("domain", "Login.Evil-Site.co.uk"),
        ("ipv4", "203.0.113.77"),
        ("ipv6", "2001:db8::7"),
        ("ipv6", "2001:DB8:1:2:3:4:5:6"),
        ("ip_prefix", "203.0.113.0/24"),
        ("card", "4111-1111-1111-1111"),
        ("card", "4111 1111 1111 1111"),
        ("iban", "GB82 WEST 1234 5698 7654 32"),
        ("iban", "DE89370400440532013000"),
        ("phone", "+49 171 2345678"),
        ("phone", "+14155550123"),
        ("evm_address", "0x" + "ab" * 20),
        (
            "user_agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",
        ),
        ("device_id", "ios:f29d0da9953f48f1a09f76b5a170b338"),
        ("username", "github:octo cat"),
        ("organisation", "openai.com:org-1A"),
    ],
)
def test_what_is_common_is_plain(kind: str, value: str) -> None:
    assert same_as_read(kind, value)
