"""Mailboxes: addresses that one provider delivers to one inbox, folded to one spelling.

The table is written by hand from what the providers document, and is part of profile v1: a new row is a new
profile, or labs would fold alike addresses differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from psi_core.kinds.email import canonical_email


@dataclass(frozen=True, slots=True)
class Folding:
    """How one provider's addresses fold: `tag` begins what is cut off, `home` replaces the domain."""

    domains: tuple[str, ...]
    tag: str
    home: str | None = None
    dots_out: bool = False


FOLDINGS = (
    Folding(("gmail.com", "googlemail.com"), tag="+", home="gmail.com", dots_out=True),
    Folding(("icloud.com", "me.com", "mac.com"), tag="+", home="icloud.com"),
    Folding(
        (
            *("outlook.com", "outlook.at", "outlook.be", "outlook.cl", "outlook.co.id", "outlook.co.th"),
            *("outlook.com.ar", "outlook.com.au", "outlook.com.br", "outlook.com.gr", "outlook.com.tr"),
            *("outlook.com.vn", "outlook.cz", "outlook.de", "outlook.dk", "outlook.es", "outlook.fr"),
            *(
                "outlook.hu",
                "outlook.ie",
                "outlook.in",
                "outlook.it",
                "outlook.jp",
                "outlook.kr",
                "outlook.lv",
            ),
            *("outlook.my", "outlook.ph", "outlook.pt", "outlook.sa", "outlook.sg", "outlook.sk"),
            *("hotmail.com", "hotmail.be", "hotmail.ca", "hotmail.ch", "hotmail.co.jp", "hotmail.co.uk"),
            *("hotmail.com.ar", "hotmail.com.br", "hotmail.com.tr", "hotmail.de", "hotmail.es", "hotmail.fr"),
            *("hotmail.it", "hotmail.nl", "hotmail.se"),
            *("live.com", "live.at", "live.be", "live.ca", "live.cl", "live.cn", "live.co.uk", "live.com.ar"),
            *("live.com.au", "live.com.mx", "live.de", "live.dk", "live.fr", "live.hk", "live.ie", "live.in"),
            *("live.it", "live.jp", "live.nl", "live.no", "live.se", "msn.com"),
        ),
        tag="+",
    ),
    Folding(("fastmail.com", "fastmail.fm"), tag="+"),
    Folding(("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), tag="+"),
    Folding(
        (
            *(
                "yahoo.com",
                "yahoo.ca",
                "yahoo.co.id",
                "yahoo.co.in",
                "yahoo.co.nz",
                "yahoo.co.uk",
                "yahoo.co.za",
            ),
            *("yahoo.com.ar", "yahoo.com.au", "yahoo.com.br", "yahoo.com.hk", "yahoo.com.mx", "yahoo.com.ph"),
            *(
                "yahoo.com.sg",
                "yahoo.com.tr",
                "yahoo.com.tw",
                "yahoo.com.vn",
                "yahoo.de",
                "yahoo.dk",
                "yahoo.es",
            ),
            *("yahoo.fr", "yahoo.gr", "yahoo.ie", "yahoo.in", "yahoo.it", "yahoo.no", "yahoo.pl", "yahoo.ro"),
            *("yahoo.se", "ymail.com", "rocketmail.com"),
        ),
        tag="-",
    ),
)

_BY_DOMAIN: Mapping[str, Folding] = MappingProxyType(
    {domain: folding for folding in FOLDINGS for domain in folding.domains}
)


def canonical_mailbox(value: str) -> str:
    """An email address in its canonical form, folded. Raises InvalidIndicator."""
    return folded(canonical_email(value))


def folded(email: str) -> str:
    """A canonical email's mailbox; the email itself where no rule is known, or no address would be left."""
    local, _, domain = email.rpartition("@")
    folding = _BY_DOMAIN.get(domain)
    if folding is None:
        return email
    name = local.partition(folding.tag)[0]
    if folding.dots_out:
        name = name.replace(".", "")
    if not name or name.endswith("."):
        return email
    return f"{name}@{folding.home or domain}"
