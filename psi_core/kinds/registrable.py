"""Registrable domains: the public suffix and one label more.

The list is the one that publicsuffixlist ships, private section included (a tenant of a hosting suffix is a
registrable domain of its own); nothing is downloaded. Labs on different releases of the list may differ on
the few suffixes that changed between them.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList

from psi_core.errors import InvalidIndicator
from psi_core.kinds.domain import canonical_domain


def canonical_registrable_domain(value: str) -> str:
    """The registrable domain of any domain under it. Raises InvalidIndicator, also for a public suffix."""
    found = registrable_domain(canonical_domain(value))
    if found is None:
        raise InvalidIndicator("registrable_domain", "a public suffix, under which others register")
    return found


def registrable_domain(domain: str) -> str | None:
    """Of a canonical domain; None when it is a public suffix itself. An unlisted last label is a suffix."""
    return _suffixes().privatesuffix(domain)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
