"""What a job asks of each of its sessions."""

from __future__ import annotations

from dataclasses import dataclass

from psi_core.session.opening import Direction, Reveal


@dataclass(frozen=True)
class Wishes:
    """One lane per match key with `peer`.

    Left out: `agreement` (text hash in hex) is the only one in force when a session starts, `direction` lets
    everyone learn who may, `match_keys` are all that are agreed.
    """

    peer: str
    agreement: str | None = None
    direction: Direction | None = None
    reveal: Reveal = "items"
    match_keys: tuple[str, ...] | None = None
    engine: str = "openmined"
