"""Addresses, prefixes, autonomous systems, JA4."""

from __future__ import annotations

import pytest

from psi_core.errors import InvalidIndicator
from psi_core.kinds import canonical, derived, kind_of_address, resolved

READ = [
    ("ipv4", "192.0.2.1", "192.0.2.1"),
    ("ipv4", " 192.0.2.1 ", "192.0.2.1"),
    ("ipv4", "192.0.2.1/32", "192.0.2.1"),
    ("ipv4", "::ffff:192.0.2.1", "192.0.2.1"),
    ("ipv4", "::FFFF:c000:201", "192.0.2.1"),
    # RFC 5952 section 2: one address in several spellings
    ("ipv6", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("ipv6", "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("ipv6", "2001:DB8::1:0:0:1", "2001:db8::1:0:0:1"),
    ("ipv6", "2001:db8:0:0:1::1", "2001:db8::1:0:0:1"),
    ("ipv6", "2001:db8::1/128", "2001:db8::1"),
    ("ipv6", "fe80::1%eth0", "fe80::1"),
    ("ipv6", "64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
    ("ip_prefix", "192.0.2.77/24", "192.0.2.0/24"),
    ("ip_prefix", "::ffff:192.0.2.77/24", "192.0.2.0/24"),
    ("ip_prefix", "2001:db8:1:2:3::4/64", "2001:db8:1:2::/64"),
    ("ip_prefix", "2001:DB8:1:2:3::4/48", "2001:db8:1::/48"),
    ("asn", "64496", "64496"),
    ("asn", "AS64496", "64496"),
    ("asn", "as 64496", "64496"),
    ("asn", "4294967295", "4294967295"),
    # RFC 5396 section 2: asdot and asdot+ of 65546 and 65526
    ("asn", "1.10", "65546"),
    ("asn", "AS1.10", "65546"),
    ("asn", "0.65526", "65526"),
    ("asn", "65535.65535", "4294967295"),
    # the example of FoxIO's description of JA4
    ("ja4", "t13d1516h2_8daaf6152771_b186095e22b6", "t13d1516h2_8daaf6152771_b186095e22b6"),
    ("ja4", "T13D1516H2_8DAAF6152771_B186095E22B6", "t13d1516h2_8daaf6152771_b186095e22b6"),
    ("ja4", "q13i0310h3_55b375c5d22e_cd85d2d88918", "q13i0310h3_55b375c5d22e_cd85d2d88918"),
]

REFUSED = [
    ("ipv4", "192.0.2.01", "leading zeros"),
    ("ipv4", "0300.0.2.1", "leading zeros"),
    ("ipv4", "192.0.2", "not an IP address"),
    ("ipv4", "192.0.2.256", "not an IP address"),
    ("ipv4", "3221225985", "not an IP address"),
    ("ipv4", "0xc0000201", "not an IP address"),
    ("ipv4", "192.0.2.1:80", "no port"),
    ("ipv4", "192.0.2.0/24", "ip_prefix"),
    ("ipv4", "１９２.0.2.1", "not an IP address"),
    ("ipv4", "2001:db8::1", "its kind is ipv6"),
    ("ipv6", "192.0.2.1", "its kind is ipv4"),
    ("ipv6", "::ffff:192.0.2.1", "IPv4-mapped"),
    ("ipv6", "[2001:db8::1]", "no brackets"),
    ("ipv6", "2001:db8::1::2", "not an IP address"),
    ("ipv6", "2001:db8::/64", "ip_prefix"),
    ("ipv6", "2001:db8::1/128/128", "network"),
    ("ip_prefix", "192.0.2.1", "/24"),
    ("ip_prefix", "192.0.2.1/32", "kind ip"),
    ("ip_prefix", "192.0.0.0/16", "/24"),
    ("ip_prefix", "2001:db8::/32", "/64 or /48"),
    ("ip_prefix", "2001:db8::/24", "/64 or /48"),
    ("ip_prefix", "192.0.2.0/255.255.255.0", "/24"),
    ("asn", "0", "between 1"),
    ("asn", "4294967296", "between 1"),
    ("asn", "AS64496x", "not a number"),
    ("asn", "AS-64496", "not a number"),
    ("asn", "1.65536", "65,535"),
    ("asn", "65536.1", "65,535"),
    ("asn", "007", "not a number"),
    ("asn", "６４４９６", "not a number"),
    ("ja4", "t13d1516h2_8daaf6152771", "form"),
    ("ja4", "t19d1516h2_8daaf6152771_b186095e22b6", "form"),
    ("ja4", "t13d1516h2_8daaf615277g_b186095e22b6", "form"),
    ("ja4", "e7d705a3286e19ea42f587b344ee6865", "form"),  # a JA3
]

ADDRESSES = [
    ("192.0.2.1", "ipv4", "192.0.2.1"),
    ("2001:DB8::1", "ipv6", "2001:db8::1"),
    ("::ffff:192.0.2.1", "ipv4", "192.0.2.1"),
    ("fe80::1%3", "ipv6", "fe80::1"),
]


@pytest.mark.parametrize(("kind", "spelling", "form"), READ)
def test_read(kind: str, spelling: str, form: str) -> None:
    assert canonical(kind, spelling) == form


@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED)
def test_refused(kind: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical(kind, value)
    assert refused.value.kind == kind


@pytest.mark.parametrize(("spelling", "kind", "form"), ADDRESSES)
def test_ip_is_resolved_by_parsing(spelling: str, kind: str, form: str) -> None:
    assert kind_of_address(spelling) == kind
    assert resolved("ip", spelling) == (kind, form)


def test_a_mapped_address_in_an_ipv6_row_becomes_the_ipv4_that_it_is() -> None:
    assert resolved("ipv6", "::ffff:192.0.2.1") == ("ipv4", "192.0.2.1")
    with pytest.raises(InvalidIndicator, match="its kind is ipv4"):
        resolved("ipv6", "192.0.2.1")


def test_ip_refuses_what_is_no_address() -> None:
    with pytest.raises(InvalidIndicator, match="not a valid ip:"):
        resolved("ip", "example.com")


def test_other_kinds_stay_what_they_are() -> None:
    assert resolved("phone", "030 12345678", region="DE") == ("phone", "+493012345678")


def test_prefixes_are_derived_up_the_ladder() -> None:
    assert derived("ipv4", "192.0.2.77") == (("ip_prefix", "192.0.2.0/24"),)
    assert derived("ipv6", "2001:db8:1:2:3::4") == (
        ("ip_prefix", "2001:db8:1:2::/64"),
        ("ip_prefix", "2001:db8:1::/48"),
    )
