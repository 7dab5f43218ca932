"""Strength: how much an overlapping actor's matches weigh. The rules are data, and are shown to the analyst.

First every matched kind starts with its own strength (registry.py), and rarity lowers it: a value that many
own actors share says little about one of them. Then the first rule of STRENGTH_RULES that holds decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psi_core.kinds.registry import IP, KINDS, Strength


@dataclass(frozen=True, slots=True)
class StrengthRule:
    """Holds when so many families of kinds matched: `unlisted` cannot be enumerated, `personal` or stronger,
    `independent` of any strength.
    """

    strength: Strength
    words: str
    unlisted: int = 0
    personal: int = 0
    independent: int = 0


STRENGTH_RULES = (
    StrengthRule(
        Strength.STRONG,
        "a kind that cannot be enumerated matched (wallet, device_id, prompt_template)",
        unlisted=1,
    ),
    StrengthRule(
        Strength.STRONG,
        "two or more independent kinds matched, one of them personal",
        personal=1,
        independent=2,
    ),
    StrengthRule(
        Strength.MEDIUM,
        "one personal kind that can be enumerated matched (such as email, phone, card, iban)",
        personal=1,
    ),
    StrengthRule(
        Strength.WEAK, "only weak kinds matched, alone or joined, or only values that many actors share"
    ),
)
"""In order: the first that holds decides; the last always holds."""


@dataclass(frozen=True, slots=True)
class RarityRule:
    """From so many own actors on that share the matched value, its kinds lose so many steps."""

    shared_by: int
    steps: int
    words: str


RARITY_RULES = (
    RarityRule(21, 2, "shared by more than 20 own actors: counts two steps less"),
    RarityRule(4, 1, "shared by 4 to 20 own actors: counts one step less"),
)
"""In order: the first that holds decides. Below weak a kind no longer counts as evidence of its own."""

_STEPS = (Strength.STRONG, Strength.MEDIUM, Strength.WEAK)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One match key that matched. `shared`: how many own actors hold the rarest matched value, 1 or more."""

    kinds: tuple[str, ...]
    shared: int = 1


@dataclass(frozen=True, slots=True)
class Assessment:
    """A strength and the rules, in words, that led to it: the deciding one first, then those of rarity."""

    strength: Strength
    why: tuple[str, ...]


def strength(evidence: Iterable[Evidence]) -> Assessment:
    """Weigh everything that matched for one actor and peer. No evidence at all is weak."""
    best: dict[str, int] = {}
    lowered: list[str] = []
    for item in evidence:
        rule = next((rule for rule in RARITY_RULES if item.shared >= rule.shared_by), None)
        if rule is not None:
            lowered.append(f"{'+'.join(item.kinds)} {rule.words}")
        for kind in item.kinds:
            family, step = _weight(kind)
            step += rule.steps if rule is not None else 0
            if step < len(_STEPS):
                best[family] = min(step, best.get(family, step))
    counts = [sum(1 for step in best.values() if step <= limit) for limit in range(len(_STEPS))]
    unlisted, personal, independent = counts
    for decides in STRENGTH_RULES:
        if (
            unlisted >= decides.unlisted
            and personal >= decides.personal
            and independent >= decides.independent
        ):
            break
    return Assessment(decides.strength, (decides.words, *lowered))


def _weight(kind: str) -> tuple[str, int]:
    """A kind's family, and its place in _STEPS."""
    entry = KINDS["ipv4" if kind == IP else kind]
    return entry.family, _STEPS.index(entry.strength)
