"""What a claim's function returns: state, words, and the entries that show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psi_client.audit.facts import MAX_SHOWN
from psi_client.audit.report import Place, State


@dataclass(frozen=True)
class Finding:
    """What a claim came to: its state, a sentence, and at most 16 entries that show it."""

    state: State
    words: str
    entries: tuple[Place, ...] = ()


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 text`, `2 texts`, `1,000 entries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def entries(number: int) -> str:
    """`1 entry`, `2 entries`."""
    return counted(number, "entry", "entries")


def first_places(places: Iterable[Place]) -> tuple[Place, ...]:
    """Return the first 16 places, each once, ordered by log and position."""
    return tuple(sorted(dict.fromkeys(places), key=lambda place: (place.log, place.position))[:MAX_SHOWN])
