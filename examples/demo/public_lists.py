"""Real public values from packages that ship them: throw-away mail domains, networks of VPN providers.

Both are read offline and sorted, so that the same seed gives the same demo on every machine.
"""

from __future__ import annotations

import ipaddress
import json
from functools import cache
from importlib import resources

from disposable_email_domains import blocklist

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A label, a dot, a top-level domain: long names and deeper ones are left out, they do not fit on a screen.
LONGEST_DOMAIN = 18


@cache
def throw_away_domains() -> tuple[str, ...]:
    """Some thousand domains that hand out mailboxes without a name (package disposable-email-domains)."""
    short = (name for name in blocklist if name.isascii() and len(name) <= LONGEST_DOMAIN)
    return tuple(sorted(name for name in short if name.count(".") == 1))


@cache
def vpn_networks(version: int) -> tuple[Network, ...]:
    """Networks of VPN providers and data centres, `version` 4 or 6 (package pymispwarninglists).

    The package's own loader reads all of its 119 lists, which takes many seconds; this opens one.
    """
    lists = resources.files("pymispwarninglists") / "data" / "misp-warninglists" / "lists"
    content = json.loads((lists / f"vpn-ipv{version}" / "list.json").read_text(encoding="utf-8"))
    return tuple(sorted(map(ipaddress.ip_network, content["list"]), key=str))
