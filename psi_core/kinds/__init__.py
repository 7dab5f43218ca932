"""Kinds of indicators: canonical form -> fingerprint -> match key, and what a match is worth.

    row of a file --resolved--> kind, canonical form --fingerprint--> 32 bytes --MatchKey--> elements of a set
                                     |
                                     `--derived--> further kinds and canonical forms

Nothing here reads a clock, a socket or a name server. A library loads when the first value of its kind comes.
"""

from __future__ import annotations

from psi_core.kinds.canonical import MAX_VALUE, canonical, derived, kind_of_address, resolved
from psi_core.kinds.fields import lengths
from psi_core.kinds.fingerprint import FINGERPRINT_SIZE, KEY_SIZE, fingerprint, key_id
from psi_core.kinds.match_key import MAX_KINDS, MAX_PRODUCT, MatchKey, stored_kinds
from psi_core.kinds.registry import IP, IP_KINDS, KINDS, PROFILE, Kind, Strength, kind_named
from psi_core.kinds.strength import (
    RARITY_RULES,
    STRENGTH_RULES,
    Assessment,
    Evidence,
    RarityRule,
    StrengthRule,
    strength,
)

__all__ = [
    "FINGERPRINT_SIZE",
    "IP",
    "IP_KINDS",
    "KEY_SIZE",
    "KINDS",
    "MAX_KINDS",
    "MAX_PRODUCT",
    "MAX_VALUE",
    "PROFILE",
    "RARITY_RULES",
    "STRENGTH_RULES",
    "Assessment",
    "Evidence",
    "Kind",
    "MatchKey",
    "RarityRule",
    "Strength",
    "StrengthRule",
    "canonical",
    "derived",
    "fingerprint",
    "key_id",
    "kind_named",
    "kind_of_address",
    "lengths",
    "resolved",
    "stored_kinds",
    "strength",
]
