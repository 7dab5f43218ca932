"""What both sides of a session hold from Accept on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psi_core.engines.questions import LABEL_SIZES
from psi_core.identity.card import Card
from psi_core.session.opening import Accept, Offer, context
from psi_core.session.roles import Side, first_signer, other, receivers
from psi_service.sessions.epoch_keys import LaneKeys
from psi_service.sessions.freezing import Frozen
from psi_service.sessions.increments import Increment


@dataclass(frozen=True)
class OpenSession:
    """One accepted session from our side: the two texts, the peer's card, our frozen lanes."""

    side: Side
    offer: Offer
    accept: Accept
    peer: Card
    frozen: tuple[Frozen, ...] = field(repr=False)
    consortium_key: bytes = field(repr=False)
    keys: LaneKeys = field(repr=False)
    increments: tuple[Increment | None, ...] = field(repr=False)

    @property
    def session_id(self) -> str:
        """16 bytes in hex, drawn by the initiator."""
        return self.offer.session_id

    @property
    def ctx(self) -> bytes:
        """32 bytes that bind everything after Accept to both texts."""
        return context(self.offer.hash(), self.accept.hash())

    @property
    def own_lab(self) -> str:
        """Our lab."""
        return self.offer.initiator if self.side == "initiator" else self.offer.responder

    @property
    def learns(self) -> bool:
        """Whether we are a receiver."""
        return self.side in receivers(self.offer.direction)

    @property
    def peer_learns(self) -> bool:
        """Whether the peer is a receiver."""
        return self.offer.direction == "both" or not self.learns

    @property
    def signs_first(self) -> bool:
        """Whether we sign the record first."""
        return first_signer(self.offer.direction) == self.side

    @property
    def smaller_sizes(self) -> tuple[int, ...]:
        """Per lane, the smaller of the two padded sizes: no result can be larger."""
        return tuple(
            min(a.padded_size, b.padded_size)
            for a, b in zip(self.offer.lanes, self.accept.lanes, strict=True)
        )

    def label_size(self, lane: int, side: Side) -> int:
        """Bytes of each label that a side gives in a lane; 0 where it gives none."""
        return self.accept.lanes[lane].parameters.get(LABEL_SIZES[side], 0)

    @property
    def peer_fields(self) -> tuple[str, ...]:
        """The fields of the peer's labels."""
        return self.offer.labels_of(other(self.side))

    def peer_size(self, lane: int) -> int:
        """The peer's padded size of a lane."""
        theirs = self.accept if self.side == "initiator" else self.offer
        return theirs.lanes[lane].padded_size


@dataclass(frozen=True)
class Learned:
    """What we learned, by lane: counts, and with reveal `items` the places of our fingerprints that matched.

    matched: places in the lane's snapshot, ascending, without dummies.
    labels: by lane and place, what the peer says of a match, sealed for the store.
    unopened: by lane, how many labels did not open, or could not be read.
    """

    counts: Mapping[int, int]
    matched: Mapping[int, Sequence[int]] = field(repr=False)
    salts: tuple[bytes, ...] = field(repr=False)
    claims: tuple[str, ...]
    labels: Mapping[int, Mapping[int, bytes]] = field(default_factory=dict, repr=False)
    unopened: Mapping[int, int] = field(default_factory=dict)


NOTHING_LEARNED = Learned(counts={}, matched={}, salts=(), claims=())
