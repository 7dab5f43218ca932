"""Domain names: lower case, no trailing dot, UTS-46 punycode.

Mapping by the idna package only: Python's own codec is IDNA 2003 and turns a sharp s into ss, which is
another domain. A list of abuse may hold any name that the DNS can hold, so special-use names (.example,
.onion, .test), `_` labels and emoji labels are read like any other.
"""

from __future__ import annotations

import re

import idna

from psi_core.errors import InvalidIndicator

MAX_DOMAIN = 253  # RFC 1035 section 2.3.4, in octets without the root's dot
MAX_LABEL = 63

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ACE = "xn--"


def canonical_domain(value: str) -> str:
    """At least two labels of 1 to 63 characters, together at most 253. Raises InvalidIndicator."""
    try:
        # UTS-46 section 4, without STD3: the characters of ASCII are checked per label below.
        mapped = idna.uts46_remap(value, std3_rules=False)
    except idna.IDNAError as error:
        raise InvalidIndicator("domain", f"not a domain name (idna: {error.code})") from None
    labels = [_ascii_label(label) for label in mapped.removesuffix(".").split(".")]
    if len(labels) < 2:
        raise InvalidIndicator("domain", "needs at least two labels, such as example.com")
    if _NUMBER.fullmatch(labels[-1]):
        raise InvalidIndicator("domain", "ends in a number: an address is of kind ipv4, ipv6 or ip")
    domain = ".".join(labels)
    if len(domain) > MAX_DOMAIN:
        raise InvalidIndicator("domain", f"longer than {MAX_DOMAIN} octets")
    return domain


def _ascii_label(label: str) -> str:
    if not label:
        raise InvalidIndicator("domain", "has an empty label: look for two dots in a row, or one in front")
    if not label.isascii():
        label = _encoded(label)
    elif label.startswith(_ACE):
        _check_encoded(label)
    if len(label) > MAX_LABEL:
        raise InvalidIndicator("domain", f"has a label longer than {MAX_LABEL} octets")
    if not _LABEL.fullmatch(label):
        raise InvalidIndicator(
            "domain",
            "has a label with other characters than letters, digits, - and _, or with - at its edge "
            "(give the host name alone: no scheme, path, port or wildcard)",
        )
    return label


def _encoded(label: str) -> str:
    """A mapped label with characters outside ASCII, as an A-label."""
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError as error:
        # IDNA 2008 refuses symbols that UTS-46 keeps and registries sell (emoji); their A-label is one name.
        if error.code != "disallowed_codepoint":
            raise InvalidIndicator("domain", f"has a label that is not valid (idna: {error.code})") from None
        return _ACE + label.encode("punycode").decode("ascii")


def _check_encoded(label: str) -> None:
    """An A-label must be the one encoding of a label that UTS-46 leaves as it is (its section 4, step 4)."""
    try:
        decoded = label.removeprefix(_ACE).encode("ascii").decode("punycode")
        holds = idna.uts46_remap(decoded, std3_rules=False) == decoded and _encoded(decoded) == label
    except (UnicodeError, InvalidIndicator):
        holds = False
    if not holds:
        raise InvalidIndicator("domain", "has a label that begins with xn-- and is not valid punycode")
