"""The overlap as it would be computed in the clear, from both labs' files in one place.

This is the check on the demo: canonical forms are compared as they are, without keys, fingerprints or a
protocol. Nobody can do so for real, since no lab has the other's file.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from psi_core.errors import InvalidIndicator
from psi_core.kinds import MAX_PRODUCT, MatchKey, derived, resolved, stored_kinds

Element = tuple[str, ...]


@dataclass(frozen=True)
class ClearList:
    """One lab's file: actor -> kind -> canonical values; and how many rows no import may keep."""

    actors: Mapping[str, Mapping[str, frozenset[str]]]
    rows: int
    refused: int


def read_list(path: Path) -> ClearList:
    """Reads a file in the long form. A row whose value is not of its kind is counted and left out."""
    actors: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    rows = refused = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows += 1
            try:
                kind, value = resolved(row["kind"], row["value"])
            except InvalidIndicator:
                refused += 1
                continue
            for each_kind, each_value in ((kind, value), *derived(kind, value)):
                actors[row["actor"]][each_kind].add(each_value)
    frozen = {
        name: {kind: frozenset(values) for kind, values in kinds.items()} for name, kinds in actors.items()
    }
    return ClearList(frozen, rows, refused)


def overlap(own: ClearList, other: ClearList, match_keys: Sequence[str]) -> dict[str, frozenset[str]]:
    """The own actors that the other lab's list has too: reference -> the match keys that matched."""
    found: dict[str, set[str]] = defaultdict(set)
    for match_key in match_keys:
        theirs = {element for _, element in _elements(other, match_key)}
        for actor, element in _elements(own, match_key):
            if element in theirs:
                found[actor].add(match_key)
    return {actor: frozenset(matched) for actor, matched in found.items()}


def _elements(clear: ClearList, match_key: str) -> Iterator[tuple[str, Element]]:
    """Each actor's values of a match key: for a joined one, every combination, at most 64 an actor."""
    for actor, kinds in clear.actors.items():
        choices = [
            [value for kind in stored_kinds(named) for value in kinds.get(kind, ())]
            for named in MatchKey.parse(match_key).kinds
        ]
        combinations = list(product(*choices))
        if len(choices) == 1 or len(combinations) <= MAX_PRODUCT:
            yield from ((actor, combination) for combination in combinations)
