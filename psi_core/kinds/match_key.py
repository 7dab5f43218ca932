"""Match keys: what a lane matches on; one kind (`email`), or up to four of one actor joined (`ip+asn`).

one kind      every fingerprint of the kind is an element
joined        every combination, one fingerprint of each kind, is an element:
              HMAC-SHA-256(consortium key, "psi-match-key/v1", name, fp 1, fp 2, ...) in the name's order
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from psi_core.errors import InvalidMatchKey
from psi_core.kinds.fields import lengths
from psi_core.kinds.registry import IP, IP_KINDS, KINDS, Strength
from psi_core.kinds.strength import Evidence, strength

MAX_KINDS = 4
MAX_PRODUCT = 64
"""Most combinations that one actor may have for one joined match key."""

_LABEL = "psi-match-key/v1"
_MAX_NAME = 128


@dataclass(frozen=True)
class MatchKey:
    """A parsed match key. Equal names are equal match keys; the order of kinds is part of the name."""

    name: str
    kinds: tuple[str, ...]

    @classmethod
    def parse(cls, name: str) -> MatchKey:
        """Read a name: one to four kinds with `+` between them, none twice; `ip` stands for ipv4 and ipv6.

        Raises InvalidMatchKey. The name may come from a peer and is not repeated in the message.
        """
        kinds = tuple(name.split("+")) if len(name) <= _MAX_NAME else ()
        if not 1 <= len(kinds) <= MAX_KINDS:
            raise InvalidMatchKey(
                f"a match key joins one to {MAX_KINDS} kinds, such as email or ip+user_agent"
            )
        for place, kind in enumerate(kinds, start=1):
            if kind not in KINDS and kind != IP:
                known = ", ".join(sorted([*KINDS, IP]))
                raise InvalidMatchKey(f"kind {place} of the match key is unknown; the kinds are {known}")
        single = [kind for named in kinds for kind in stored_kinds(named)]
        if len(set(single)) != len(single):
            raise InvalidMatchKey("a match key names a kind twice (ip is both ipv4 and ipv6)")
        return cls(name, kinds)

    @property
    def joined(self) -> bool:
        """Whether several kinds of one actor must match together."""
        return len(self.kinds) > 1

    @property
    def low_entropy(self) -> bool:
        """Whether it is a single kind whose values can all be tried: allowed only under small budgets."""
        return not self.joined and any(KINDS[kind].low_entropy for kind in stored_kinds(self.kinds[0]))

    @cached_property
    def strength(self) -> Strength:
        """What a match of this match key is worth when nothing else matched and the value is rare."""
        return strength([Evidence(self.kinds)]).strength

    def fingerprints(
        self, consortium_key: bytes, by_kind: Mapping[str, Sequence[bytes]]
    ) -> tuple[bytes, ...]:
        """The elements, 32 bytes each, sorted and distinct, that one actor puts into this match key's set.

        `by_kind` holds the actor's fingerprints (32 bytes each) under the kinds as they are stored; kinds
        that the match key does not name are ignored. () when a kind is missing. Raises InvalidMatchKey when a
        joined match key has more than 64 combinations: the caller leaves this match key of this actor out and
        reports it.
        """
        values = [
            sorted({value for kind in stored_kinds(named) for value in by_kind.get(kind, ())})
            for named in self.kinds
        ]
        if not self.joined:
            return tuple(values[0])
        combinations = prod(len(each) for each in values)
        if combinations > MAX_PRODUCT:
            raise InvalidMatchKey(
                f"{combinations:,} combinations of {self.name} for one actor, at most {MAX_PRODUCT} are made"
            )
        return tuple(
            sorted(
                hmac.digest(consortium_key, lengths(_LABEL, self.name, *combination), "sha256")
                for combination in product(*values)
            )
        )


def stored_kinds(named: str) -> tuple[str, ...]:
    """The kinds under which a match key's kind is stored: `ip` is ipv4 and ipv6, others are themselves."""
    return IP_KINDS if named == IP else (named,)
