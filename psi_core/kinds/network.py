"""Addresses, prefixes and autonomous systems of the Internet, and JA4 fingerprints of TLS clients."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from psi_core.errors import InvalidIndicator

PREFIX_LADDER = {4: (24,), 6: (64, 48)}
"""Prefix lengths per IP version. Fixed, because a set can test equality but not containment."""

_FULL_LENGTH = {4: "32", 6: "128"}
_MAX_ASN = 2**32 - 1  # RFC 6793
_ASN = re.compile(r"(?:as\s*)?(?:(?P<high>0|[1-9][0-9]{0,4})\.)?(?P<low>0|[1-9][0-9]{0,9})", re.IGNORECASE)
# FoxIO JA4: protocol, TLS version, SNI, counts of ciphers and extensions, ALPN, two truncated hashes.
_JA4 = re.compile(
    r"[tqd](?:1[0-3]|s[23]|d[123]|00)[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}",
)


def canonical_ipv4(value: str) -> str:
    """Dotted decimal; leading zeros are refused, as some read them as octal. Raises InvalidIndicator."""
    address = _address("ipv4", value)
    if address.version != 4:
        raise InvalidIndicator("ipv4", "an IPv6 address: its kind is ipv6, or ip")
    return str(address)


def canonical_ipv6(value: str) -> str:
    """RFC 5952, without zone id. Raises InvalidIndicator, also for an IPv4-mapped address: it is an ipv4."""
    address = _address("ipv6", value)
    if address.version != 6:
        raise InvalidIndicator("ipv6", "an IPv4 address, perhaps IPv4-mapped: its kind is ipv4, or ip")
    return str(address)


def kind_of_address(value: str) -> str:
    """`ipv4` or `ipv6`; an IPv4-mapped address is an ipv4. Raises InvalidIndicator."""
    return f"ipv{_address('ip', value).version}"


def canonical_ip_prefix(value: str) -> str:
    """A network of the ladder (IPv4 /24, IPv6 /64 and /48), host bits zeroed. Raises InvalidIndicator."""
    text, slash, length = value.partition("/")
    address = _address("ip_prefix", text)
    if not slash or length not in {str(step) for step in PREFIX_LADDER[address.version]}:
        raise InvalidIndicator(
            "ip_prefix", "not IPv4 with /24 or IPv6 with /64 or /48 (a single address is of kind ip)"
        )
    return str(ip_network((address, int(length)), strict=False))


def canonical_asn(value: str) -> str:
    """Decimal, 1 to 4,294,967,295; AS64496 and asdot 1.10 (RFC 5396) are read. Raises InvalidIndicator."""
    found = _ASN.fullmatch(value)
    if found is None or not value.isascii():
        raise InvalidIndicator("asn", "not a number such as 64496, AS64496 or 1.10")
    high, low = int(found["high"] or 0), int(found["low"])
    if found["high"] is not None and max(high, low) > 0xFFFF:
        raise InvalidIndicator("asn", "a half of its asdot form is above 65,535")
    number = (high << 16) + low
    if not 0 < number <= _MAX_ASN:
        raise InvalidIndicator("asn", "not between 1 and 4,294,967,295")
    return str(number)


def canonical_ja4(value: str) -> str:
    """36 characters in lower case. Raises InvalidIndicator, also for the raw forms (JA4_r) and for JA3."""
    text = value.lower()
    if not _JA4.fullmatch(text):
        raise InvalidIndicator("ja4", "not of the form t13d1516h2_8daaf6152771_b186095e22b6")
    return text


def _address(kind: str, value: str) -> IPv4Address | IPv6Address:
    """Zone id out; /32 and /128 are addresses; IPv4-mapped IPv6 is IPv4 (RFC 4291 section 2.5.5.2)."""
    text, slash, length = value.partition("/")
    bare, _, _ = text.partition("%")
    try:
        address = ip_address(bare)
    except ValueError:
        raise InvalidIndicator(
            kind, "not an IP address (IPv4 without leading zeros; no port, no brackets)"
        ) from None
    if slash and length != _FULL_LENGTH[address.version]:
        raise InvalidIndicator(kind, "a network, not one address: its kind is ip_prefix")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
