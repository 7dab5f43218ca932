"""The direction of a session when nobody names one."""

from __future__ import annotations

from psi_core.agreement.agreement import Agreement
from psi_core.session.opening import Direction


def widest(agreement: Agreement, own_lab: str) -> Direction:
    """The direction in which everyone learns who may, seen from us as the initiator."""
    if len(agreement.learns) > 1:
        return "both"
    return "initiator" if own_lab in agreement.learns else "responder"
