"""What a session is to be, before it begins."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from psi_core.agreement.agreement import Agreement
from psi_core.engines.choice import AUTO
from psi_core.session.opening import Direction, Reveal
from psi_service.sessions.epoch_keys import KEYED


@dataclass(frozen=True)
class Plan:
    """What a person or a job asked for: one lane per match key; `engine` is a name, or `auto` for each lane its own."""

    session_id: str
    agreement: Agreement
    direction: Direction
    reveal: Reveal
    match_keys: tuple[str, ...]
    engine: str

    def keyed(self, available: Container[str]) -> bool:
        """Whether a lane may come to run with engine `oprf`; `available` are the engines that this node has."""
        agreed = any(terms.engine == KEYED for terms in self.agreement.engines)
        return self.engine in (AUTO, KEYED) and agreed and KEYED in available
