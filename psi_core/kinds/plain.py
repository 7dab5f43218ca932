"""Plain spellings: values whose canonical form can be told without the kind's library.

A library costs 5 to 75 us a value, and nearly every value of a real list is spelled plainly. A function here
gives the form of such a value in about one, and None whenever it is in doubt: then the reader of the registry
decides. It never refuses. tests/property/test_plain_property.py holds every answer equal to the reader's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

_MAX_PLAIN = 253  # characters: the longest domain

# Letters of ASCII only, so that lower() is what UTS-46 and every reader do. No A-label; no number at the end.
_DOMAIN = r"(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!xn--)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_IS_DOMAIN = re.compile(_DOMAIN).fullmatch
_IS_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@)[a-z0-9_-]+(?:[.+][a-z0-9_-]+)*@{_DOMAIN}").fullmatch
_IS_NAMESPACED = re.compile(r"[a-z0-9_.-]{1,64}:[!-~](?:[ -~]*[!-~])?").fullmatch

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IS_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}").fullmatch
_IS_IPV4_NET = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{2}}\.0/24").fullmatch
# RFC 5952 section 4 already: no zeros but those that `::` stands for; it is never first, so nothing is IPv4-mapped.
_GROUP = r"[1-9a-f][0-9a-f]{0,3}"
_IS_IPV6 = re.compile(
    rf"{_GROUP}(?::{_GROUP}){{7}}|(?=(?:[^:]*:){{2,6}}[^:]*$){_GROUP}(?::{_GROUP})*::(?:{_GROUP}(?::{_GROUP})*)?"
).fullmatch

_SEPARATORS = str.maketrans("", "", " -")
_IS_CARD = re.compile(r"[1-9][0-9]{11,18}").fullmatch
_LUHN_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")

_IS_EVM = re.compile(r"0x[0-9a-f]{40}").fullmatch

# Countries of the IBAN registry (ISO 13616) whose account numbers have no check of their own in the library.
_IS_IBAN = re.compile(
    r"(?:(?:AT|LT)[0-9]{18}|DE[0-9]{20}|(?:DK|FI)[0-9]{16}|EE[0-9]{18}|(?:SE|CZ|SK)[0-9]{22}|PL[0-9]{26}|PT[0-9]{23}|"
    r"HU[0-9]{26}|HR[0-9]{19}|NL[0-9]{2}[A-Z]{4}[0-9]{10}|(?:GB|IE)[0-9]{2}[A-Z]{4}[0-9]{14}|"
    r"FR[0-9]{12}[A-Z0-9]{11}[0-9]{2}|IT[0-9]{2}[A-Z][0-9]{10}[A-Z0-9]{12}|(?:CH|LI)[0-9]{7}[A-Z0-9]{12}|"
    r"LU[0-9]{5}[A-Z0-9]{13}|RO[0-9]{2}[A-Z]{4}[A-Z0-9]{16})"
).fullmatch
_AS_NUMBER = {
    sign: str(int(sign, 36)) for sign in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
}  # ISO 7064 MOD 97-10

# Mobile numbers as E.164 has them: lengths that ITU-T E.164 and the national plans have fixed for decades.
_IS_PHONE = re.compile(
    r"\+(?:1[2-9][0-9]{2}[2-9][0-9]{6}|447[0-9]{9}|491[5-7][0-9]{8,9}|33[67][0-9]{8}|34[67][0-9]{8}|316[0-9]{8}|"
    r"393[0-9]{9}|48[5-7][0-9]{8}|417[5-9][0-9]{7}|467[0-9]{8}|79[0-9]{9}|3809[0-9]{8}|905[0-9]{9}|"
    r"91[6-9][0-9]{9}|861[3-9][0-9]{9}|614[0-9]{8}|81[789]0[0-9]{8}|8210[0-9]{8}|628[1-9][0-9]{7,9}|"
    r"639[0-9]{9}|923[0-9]{9}|8801[3-9][0-9]{8}|84[35789][0-9]{8}|27[6-8][0-9]{8}|201[0-9]{9}|"
    r"234[789][01][0-9]{8}|9725[0-9]{8}|9715[0-9]{8}|9665[0-9]{8}|65[89][0-9]{7})"
).fullmatch


def plain(kind: str, value: str) -> str | None:
    """The canonical form of a plainly spelled `value`, or None when the kind's reader must decide."""
    known = _PLAIN.get(kind)
    return known(value) if known is not None and len(value) <= _MAX_PLAIN else None


def plain_prefixes(kind: str, address: str) -> tuple[str, ...]:
    """The networks (/24; /64 and /48) of a canonical address of kind `ipv4` or `ipv6`."""
    if kind == "ipv4":
        return (f"{address.rpartition('.')[0]}.0/24",)
    groups = _eight_groups(address)
    return f"{_network(groups[:4])}::/64", f"{_network(groups[:3])}::/48"


def _eight_groups(address: str) -> list[str]:
    head, found, tail = address.partition("::")
    before = head.split(":") if head else []
    after = tail.split(":") if tail else []
    return before + ["0"] * (8 - len(before) - len(after)) + after if found else before


def _network(groups: list[str]) -> str:
    """Without its last zeros: with the host's they are the longest run, which RFC 5952 shortens to `::`."""
    while groups and groups[-1] == "0":
        groups.pop()
    return ":".join(groups)


def _domain(value: str) -> str | None:
    lower = value.lower() if value.isascii() else ""
    return lower if _IS_DOMAIN(lower) else None


def _email(value: str) -> str | None:
    lower = value.lower() if value.isascii() else ""
    return lower if _IS_EMAIL(lower) else None


def _ipv4(value: str) -> str | None:
    return value if _IS_IPV4(value) else None


def _ipv6(value: str) -> str | None:
    lower = value.lower() if value.isascii() else ""
    return lower if _IS_IPV6(lower) else None


def _ip_prefix(value: str) -> str | None:
    return value if _IS_IPV4_NET(value) else None


def _card(value: str) -> str | None:
    digits = value.translate(_SEPARATORS)
    if not _IS_CARD(digits):
        return None
    # ISO/IEC 7812-1 annex B: every second digit from the right is doubled, its two digits added up.
    signs = digits.encode()
    total = sum(signs[-1::-2]) + sum(signs[-2::-2].translate(_LUHN_DOUBLED)) - len(signs) * ord("0")
    return digits if total % 10 == 0 else None


def _iban(value: str) -> str | None:
    account = value.translate(_SEPARATORS)
    if not _IS_IBAN(account) or not "02" <= account[2:4] <= "98":
        return None
    number = "".join([_AS_NUMBER[sign] for sign in account[4:] + account[:4]])
    return account if int(number) % 97 == 1 else None


def _phone(value: str) -> str | None:
    digits = value.translate(_SEPARATORS)
    return digits if _IS_PHONE(digits) else None


def _evm_address(value: str) -> str | None:
    return value if _IS_EVM(value) else None


def _user_agent(value: str) -> str | None:
    # Without control characters, the only white space of ASCII is the space.
    one_line = value.isascii() and value.isprintable() and value.strip(" ") == value != ""
    return value if one_line and "  " not in value else None


def _namespaced(value: str) -> str | None:
    return value if _IS_NAMESPACED(value) else None


_PLAIN: Mapping[str, Callable[[str], str | None]] = MappingProxyType(
    {
        "email": _email,
        "domain": _domain,
        "ipv4": _ipv4,
        "ipv6": _ipv6,
        "ip_prefix": _ip_prefix,
        "card": _card,
        "iban": _iban,
        "phone": _phone,
        "evm_address": _evm_address,
        "user_agent": _user_agent,
        "device_id": _namespaced,
        "username": _namespaced,
        "organisation": _namespaced,
    }
)
