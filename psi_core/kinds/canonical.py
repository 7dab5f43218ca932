"""From a spelling to the canonical form: the one door through which every value of every kind goes.

    value -> plain spelling? (plain.py) ------------------------------> canonical form
          `-> bounds (length, control characters) -> reader of the kind -^

Equal things spelled differently must come out equal, or two labs never meet; unlike things must come out
unlike. A form is a fixed point: reading it again gives itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import cast

from psi_core.errors import InvalidIndicator
from psi_core.kinds.plain import plain, plain_prefixes
from psi_core.kinds.registry import IP, IP_KINDS, Kind, kind_named

MAX_VALUE = 4096
"""Longest value, in characters, that is looked at, and longest canonical form."""

_ADDRESSES = frozenset({IP, *IP_KINDS})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_IN_PROSE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def canonical(kind: str, value: str, *, region: str | None = None) -> str:
    """The canonical form of `value`, at most 4,096 characters.

    `region` (two letters, ISO 3166) is what national phone numbers are read by; other kinds do not look at
    it. Raises InvalidIndicator with kind and reason, never with the value.
    """
    known = plain(kind, value)
    if known is None:
        return as_read(kind, value, region=region)
    if region is not None and kind_named(kind).regional:
        _reader("phone.known_region")(region)
    return known


def as_read(kind: str, value: str, *, region: str | None = None) -> str:
    """What `canonical` gives, by the kind's reader and library alone. Raises InvalidIndicator."""
    entry = kind_named(kind)
    text = _bounded(entry, value)
    read = _reader(entry.reader)
    try:
        form = read(text, region) if entry.regional else read(text)
    except InvalidIndicator as error:
        # Readers share work (an email has a domain); the caller learns the kind that it asked for.
        raise InvalidIndicator(kind, error.reason) from None
    if len(form) > MAX_VALUE:
        raise InvalidIndicator(kind, f"its canonical form is longer than {MAX_VALUE} characters")
    return form


def resolved(kind: str, value: str, *, region: str | None = None) -> tuple[str, str]:
    """The exact kind and the canonical form of what a row of a file says.

    `ip` becomes ipv4 or ipv6, and an ipv6 that is an IPv4-mapped address (::ffff:192.0.2.1) becomes the ipv4
    that it stands for; every other kind stays. Raises InvalidIndicator.
    """
    if kind in _ADDRESSES:
        for family in IP_KINDS if kind == IP else (kind,):
            if (known := plain(family, value)) is not None:
                return family, known
        if kind == IP:
            kind = kind_of_address(value)
        elif kind == "ipv6" and ":" in value and kind_of_address(value) == "ipv4":
            kind = "ipv4"
    return kind, canonical(kind, value, region=region)


def kind_of_address(value: str) -> str:
    """`ipv4` or `ipv6`, by parsing; an IPv4-mapped IPv6 address is an ipv4. Raises InvalidIndicator."""
    text = _bounded(kind_named("ipv6"), value)
    try:
        return _reader("network.kind_of_address")(text)
    except InvalidIndicator as error:
        raise InvalidIndicator(IP, error.reason) from None


def derived(kind: str, canonical_value: str) -> tuple[tuple[str, str], ...]:
    """What follows from a canonical value: (kind, canonical form) pairs, computed at import.

    email gives its email_mailbox, ipv4 its /24, ipv6 its /64 and /48, domain its registrable_domain (none for
    a public suffix). A card never gives a card_partial: a truncated number beside a hashed one undoes the
    hash (PCI DSS 3.5.1).
    """
    match kind:
        case "email":
            return (("email_mailbox", _reader("mailbox.folded")(canonical_value)),)
        case "ipv4" | "ipv6":
            return tuple(("ip_prefix", prefix) for prefix in plain_prefixes(kind, canonical_value))
        case "domain":
            registrable = cast(Callable[[str], str | None], _function("registrable.registrable_domain"))
            found = registrable(canonical_value)
            return () if found is None else (("registrable_domain", found),)
        case _:
            return ()


def _bounded(entry: Kind, value: str) -> str:
    """Trim, and refuse what no reader should see: too much, nothing, control characters, half surrogates."""
    if len(value) > MAX_VALUE:
        raise InvalidIndicator(entry.name, f"longer than {MAX_VALUE} characters")
    # Only these four are trimmed unseen: strip() alone would also swallow control characters such as U+001C.
    text = value.strip(" \t\r\n")
    if (_CONTROL_IN_PROSE if entry.prose else _CONTROL).search(text):
        raise InvalidIndicator(entry.name, "holds a control character")
    text = text.strip()
    if not text:
        raise InvalidIndicator(entry.name, "empty")
    return text


def _reader(name: str) -> Callable[..., str]:
    return cast(Callable[..., str], _function(name))


@cache
def _function(name: str) -> object:
    """`module.function` of this package; loads the module, and with it its library, on first use."""
    module, function = name.split(".")
    return getattr(import_module(f"psi_core.kinds.{module}"), function)
