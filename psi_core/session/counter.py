"""Counters of an ordered pair (initiator, responder): from 1, spent by every logged offer, never going back."""

from __future__ import annotations

from psi_core.errors import InvalidSignature, ProtocolFault
from psi_core.log.key import Verifier
from psi_core.session.opening import Offer, Refuse

NO_OFFER = "none"
ZEROS = bytes(32)


def proven_highest(refuse: Refuse, offer: Offer, own: Verifier) -> int:
    """The highest counter that a Refuse `counter` proves the initiator to have signed before; 0 for "none".

    The responder hands back the initiator's own Offer, so it can neither invent nor raise a counter. Raises
    ProtocolFault when the Offer is missing or of another pair, and InvalidSignature when it is not our own.
    """
    if refuse.highest_offer is None:
        raise ProtocolFault("a Refuse `counter` must hold the highest Offer seen before, or none")
    if refuse.highest_offer == NO_OFFER:
        return 0
    try:
        highest = Offer.open(refuse.highest_offer.encode(), own)
    except InvalidSignature as error:
        raise InvalidSignature(
            "the Offer inside a Refuse `counter` does not bear our own signature"
        ) from error
    if (highest.initiator, highest.responder) != (offer.initiator, offer.responder):
        raise ProtocolFault("the Offer inside a Refuse `counter` is of another pair of labs")
    return highest.counter


def next_counter(highest: int) -> int:
    """The counter that the next Offer of the pair spends."""
    return highest + 1
