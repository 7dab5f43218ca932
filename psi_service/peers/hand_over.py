"""Signed notes on their way to a peer: over the peers service when it can be reached, else by file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from psi_core.errors import NotFound, PeerError, PsiError, Refused, VerificationError

Deliver = Callable[[str, bytes], Awaitable[str]]
"""Hand a note to a lab; returns waiting, in_force, revoked or known, or raises (see peers/delivery.py)."""


@dataclass(frozen=True)
class HandedOver:
    """What became of a note: the state that the peer answered, or in words why it did not arrive."""

    state: str | None = None
    fault: str | None = None


async def hand_over(deliver: Deliver, lab: str, note: bytes) -> HandedOver:
    """Deliver `note` to `lab`. A peer that cannot take it now is an answer, not an error: the note is kept."""
    try:
        return HandedOver(state=await deliver(lab, note))
    except (PeerError, Refused, NotFound, VerificationError) as fault:
        return HandedOver(fault=_in_words(lab, fault))


def _in_words(lab: str, fault: PsiError) -> str:
    return f"{lab} did not take it: {fault.message.rstrip('.')}. Send it again, or hand it over as a file."
