"""What dialling a peer needs to know of the pinned ones."""

from __future__ import annotations

from typing import Protocol

from psi_core.identity.card import Card


class Pinned(Protocol):
    """Pinned cards by lab: the running node's directory, or what a command read from the store."""

    def get(self, lab: str) -> Card:
        """The pinned card of `lab`; raises NotFound."""
        ...
