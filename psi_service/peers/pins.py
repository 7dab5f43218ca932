"""The pinned certificates, in memory: read by gRPC's threads at every handshake, by servicers at every call.

The directory replaces the whole set at once; a reader holds one immutable view and never waits for a lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from psi_core.errors import Conflict
from psi_core.identity.card import Card
from psi_core.identity.certificate import pem_of_der


@dataclass(frozen=True)
class Pin:
    """One lab's pinned certificate: its SHA-256 (32 bytes) and the certificate itself as PEM."""

    lab: str
    value: bytes
    certificate_pem: bytes = field(repr=False)

    @classmethod
    def of(cls, card: Card) -> Self:
        """The pin that a card sets."""
        return cls(card.lab, card.pin, pem_of_der(card.certificate_der))


@dataclass(frozen=True)
class _View:
    by_lab: Mapping[str, Pin]
    by_value: Mapping[bytes, Pin]


class PinBoard:
    """The pins in force. `replace` is called by the directory alone; everything else reads."""

    def __init__(self) -> None:
        self._view = _View({}, {})
        self._watchers: list[Callable[[], None]] = []

    def of_lab(self, lab: str) -> Pin | None:
        """The pin of `lab`, if it is pinned."""
        return self._view.by_lab.get(lab)

    def of_value(self, value: bytes) -> Pin | None:
        """The pin whose certificate has this SHA-256."""
        return self._view.by_value.get(value)

    def all(self) -> tuple[Pin, ...]:
        """Every pin, by lab."""
        return tuple(self._view.by_lab.values())

    def replace(self, pins: Iterable[Pin]) -> None:
        """Put `pins` in force and tell the watchers. Raises Conflict when two would share a certificate."""
        ordered = sorted(pins, key=lambda pin: pin.lab)
        view = _View({pin.lab: pin for pin in ordered}, {pin.value: pin for pin in ordered})
        if not len(ordered) == len(view.by_lab) == len(view.by_value):
            raise Conflict("two pinned labs share a name or a TLS certificate; ask both for new cards")
        self._view = view
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change. It runs on the caller of `replace` and must not raise."""
        self._watchers.append(watcher)
