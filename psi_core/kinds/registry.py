"""Every kind of indicator of profile `v1`, in one table.

A row says how the kind is written (its canonical form), which kept library reads it, whether its values can
be enumerated, and how much a match on it weighs. The reader is named, not imported: a reader's module is
loaded when the first value of its kind arrives, so that importing this package costs no library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from psi_core.errors import InvalidIndicator

PROFILE = "v1"
"""The normalisation profile: it travels in every agreement and offer; a changed form is a new profile."""

IP = "ip"
"""Accepted in import rows and match keys: an ipv4 or an ipv6, whichever the value is."""

IP_KINDS = ("ipv4", "ipv6")


class Strength(StrEnum):
    """How much a match weighs; a kind's own strength is what a match on it alone is worth."""

    STRONG = "strong"
    """Cannot be enumerated: wallet, device_id, long prompt_template."""
    MEDIUM = "medium"
    """Personal, and can be enumerated: email, phone, card, iban."""
    WEAK = "weak"
    """Shared by many by nature: counts beside others, or joined."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of indicator.

    `family` groups kinds that follow from one another: two kinds of one family are not independent evidence.
    `low_entropy`: whoever holds the consortium key and a store can try all values in reasonable time, so the
    kind alone is agreed on only under small budgets. `reader` is `module.function` inside psi_core.kinds.
    """

    name: str
    form: str
    strength: Strength
    family: str
    enumerable: bool
    library: str
    reader: str
    low_entropy: bool = False
    regional: bool = False
    """The reader also takes a default region."""
    prose: bool = False
    """White space inside is collapsed by the reader, so tabs and line ends are let through to it."""


_ROWS = (
    Kind(
        name="email",
        form="lower case, domain in UTS-46 punycode",
        strength=Strength.MEDIUM,
        family="mailbox",
        enumerable=True,
        library="email-validator, idna",
        reader="email.canonical_email",
    ),
    Kind(
        name="email_mailbox",
        form="email, folded by its provider's rules for dots, tags and alias domains",
        strength=Strength.MEDIUM,
        family="mailbox",
        enumerable=True,
        library="email-validator, idna, own table",
        reader="mailbox.canonical_mailbox",
    ),
    Kind(
        name="phone",
        form="E.164 with +, at most 15 digits",
        strength=Strength.MEDIUM,
        family="phone",
        enumerable=True,
        low_entropy=True,
        regional=True,
        library="phonenumbers",
        reader="phone.canonical_phone",
    ),
    Kind(
        name="card",
        form="primary account number, digits only, Luhn valid",
        strength=Strength.MEDIUM,
        family="card",
        enumerable=True,
        low_entropy=True,
        library="python-stdnum",
        reader="payment.canonical_card",
    ),
    Kind(
        name="card_partial",
        form="first 6 or 8 digits, last 4, expiry MMYY, joined by colons",
        strength=Strength.WEAK,
        family="card",
        enumerable=True,
        low_entropy=True,
        library="none",
        reader="payment.canonical_card_partial",
    ),
    Kind(
        name="iban",
        form="upper case, letters and digits only, check digits valid",
        strength=Strength.MEDIUM,
        family="bank account",
        enumerable=True,
        low_entropy=True,
        library="python-stdnum",
        reader="payment.canonical_iban",
    ),
    Kind(
        name="bic",
        form="upper case, 8 or 11 characters, the head office's XXX left out",
        strength=Strength.WEAK,
        family="bank account",
        enumerable=True,
        low_entropy=True,
        library="python-stdnum",
        reader="payment.canonical_bic",
    ),
    Kind(
        name="evm_address",
        form="0x and 40 hex digits in lower case, EIP-55 checked when the case is mixed",
        strength=Strength.STRONG,
        family="evm wallet",
        enumerable=False,
        library="pycryptodome",
        reader="crypto_address.canonical_evm_address",
    ),
    Kind(
        name="btc_address",
        form="Base58Check as it is, bech32 and bech32m in lower case",
        strength=Strength.STRONG,
        family="btc wallet",
        enumerable=False,
        library="bech32m, python-stdnum",
        reader="crypto_address.canonical_btc_address",
    ),
    Kind(
        name="ipv4",
        form="dotted decimal",
        strength=Strength.WEAK,
        family="network",
        enumerable=True,
        low_entropy=True,
        library="ipaddress",
        reader="network.canonical_ipv4",
    ),
    Kind(
        name="ipv6",
        form="RFC 5952, without zone id",
        strength=Strength.WEAK,
        family="network",
        enumerable=False,
        library="ipaddress",
        reader="network.canonical_ipv6",
    ),
    Kind(
        name="ip_prefix",
        form="IPv4 /24, IPv6 /64 or /48, host bits zero",
        strength=Strength.WEAK,
        family="network",
        enumerable=True,
        low_entropy=True,
        library="ipaddress",
        reader="network.canonical_ip_prefix",
    ),
    Kind(
        name="domain",
        form="lower case, UTS-46 punycode, no trailing dot",
        strength=Strength.WEAK,
        family="domain",
        enumerable=True,
        library="idna",
        reader="domain.canonical_domain",
    ),
    Kind(
        name="registrable_domain",
        form="the public suffix of a domain and one label more",
        strength=Strength.WEAK,
        family="domain",
        enumerable=True,
        library="idna, publicsuffixlist",
        reader="registrable.canonical_registrable_domain",
    ),
    Kind(
        name="asn",
        form="decimal number without AS",
        strength=Strength.WEAK,
        family="network",
        enumerable=True,
        low_entropy=True,
        library="none",
        reader="network.canonical_asn",
    ),
    Kind(
        name="ja4",
        form="lower case",
        strength=Strength.WEAK,
        family="client software",
        enumerable=True,
        low_entropy=True,
        library="none",
        reader="network.canonical_ja4",
    ),
    Kind(
        name="user_agent",
        form="trimmed, white space collapsed",
        strength=Strength.WEAK,
        family="client software",
        enumerable=True,
        low_entropy=True,
        prose=True,
        library="none",
        reader="text.canonical_user_agent",
    ),
    Kind(
        name="device_id",
        form="namespace:value, NFC, trimmed",
        strength=Strength.STRONG,
        family="device_id",
        enumerable=False,
        library="unicodedata",
        reader="text.canonical_namespaced",
    ),
    Kind(
        name="username",
        form="namespace:value, NFC, trimmed",
        strength=Strength.MEDIUM,
        family="username",
        enumerable=True,
        library="unicodedata",
        reader="text.canonical_namespaced",
    ),
    Kind(
        name="organisation",
        form="namespace:value, NFC, trimmed",
        strength=Strength.MEDIUM,
        family="organisation",
        enumerable=True,
        library="unicodedata",
        reader="text.canonical_namespaced",
    ),
    Kind(
        name="prompt_template",
        form="NFKC, white space collapsed, numbers and quoted slots masked, at least 64 characters",
        strength=Strength.STRONG,
        family="prompt_template",
        enumerable=False,
        prose=True,
        library="unicodedata",
        reader="text.canonical_prompt_template",
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _ROWS})


def kind_named(name: str) -> Kind:
    """The kind of this name.

    Raises InvalidIndicator for an unknown one, without repeating it: in a file with shifted columns the name
    is somebody's email.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise InvalidIndicator("kind", f"unknown; the kinds are {', '.join(sorted(KINDS))}") from None
