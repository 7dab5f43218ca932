"""What Offer and Accept fix of one `oprf` lane beyond sizes, and the domain of its items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from psi_core import native_core
from psi_core.engines.interface import ITEM_BYTES, LaneContext
from psi_core.engines.oprf.kept_run import KeptRun, NotKept
from psi_core.engines.oprf.key import EpochKey, KeyStatement
from psi_core.errors import EngineFault, InvalidProof
from psi_core.kinds.fields import lengths
from psi_core.session.opening import Direction
from psi_core.session.packed import Packed

CTX_BYTES = 32

KeepChunk = Callable[[int, bytes, bytes], None]
"""Called with a chunk's number, its blinded elements and its answer, once the answer is checked or made."""


def item_domain(statement: KeyStatement) -> bytes:
    """The domain of a lane's items: agreement, sender, receiver, epoch, match key, public key.

    It holds for a whole epoch, so that outputs can be kept; it names both labs and the key, so that blinds, proofs
    and tags mean nothing to or with any other lab.
    """
    return lengths(
        bytes.fromhex(statement.agreement),
        statement.lab,
        statement.peer,
        statement.epoch.to_bytes(8, "big"),
        statement.match_key,
        bytes.fromhex(statement.public_key),
    )


def parameters_of(statement: KeyStatement) -> dict[str, int]:
    """The integers of a lane that follow from the key statement, as Accept states them."""
    return {"epoch": statement.epoch, "tag_bits": statement.tag_bits}


def sender_side(direction: Direction) -> str:
    """Who holds the key: with `both`, one run has the initiator as receiver, so that the responder sends."""
    return "initiator" if direction == "responder" else "responder"


def check_statement(
    statement: KeyStatement, *, lab: str, peer: str, agreement: bytes, match_key: str
) -> None:
    """Raise InvalidProof unless a statement is by this lab, towards this peer, for this agreement and match key."""
    due = (lab, peer, agreement.hex(), match_key)
    if (statement.lab, statement.peer, statement.agreement, statement.match_key) != due:
        raise InvalidProof(
            f"oprf: the key that {lab} shows for {match_key} is for another lab, agreement or match key"
        )


@dataclass(frozen=True)
class OprfLane(LaneContext):
    """One `oprf` lane of one session.

    ctx: of the session, 32 bytes; binds chunk proofs and return values.
    statement: the sender's key statement, checked against its log.
    returns: direction `both`: the receiver returns values for its matches.
    key: the sender's own key; None at the receiver.
    caches: the machine keeps its outputs (64 bytes an item), from which the epoch's first generation is made.
    keep_chunk: takes every chunk for the sealed bundle; what it keeps is 64 bytes an item, outside this engine.
    kept: of a full run, takes what it has done, so that it can go on after a break.
    """

    ctx: bytes
    statement: KeyStatement
    returns: bool = False
    caches: bool = False
    key: EpochKey | None = field(default=None, repr=False)
    keep_chunk: KeepChunk = field(default=lambda number, blinded, answer: None, repr=False)
    kept: KeptRun = field(default_factory=NotKept, repr=False)

    def check_set(self) -> None:
        """Raise EngineFault when two items are equal."""
        packed = bytes(Packed.of(self.items).buffer)
        if len(native_core.native.sort_unique(packed)) != len(packed):
            raise EngineFault(f"oprf: lane {self.match_key} has items that are not distinct")

    def check(self) -> None:
        """Raise EngineFault when the lane is not as `LaneContext` and this class promise."""
        whole = isinstance(self.items, Packed) and self.items.width == ITEM_BYTES
        if not whole and set(map(len, self.items)) != {ITEM_BYTES}:
            raise EngineFault(f"oprf: lane {self.match_key} has items that are not 32 bytes")
        self.check_set()
        if len(self.ctx) != CTX_BYTES:
            raise EngineFault(f"oprf: lane {self.match_key} has a ctx of other than {CTX_BYTES} bytes")
        if self.statement.match_key != self.match_key:
            raise EngineFault(f"oprf: lane {self.match_key} has a key for another match key")
        self._check_labels()
        if self.key is not None and self.key.public.hex() != self.statement.public_key:
            raise EngineFault(f"oprf: lane {self.match_key} has another key than its statement commits")

    def _check_labels(self) -> None:
        """Labels go along with the tags, and with returned values; each side that gives any has one for each item."""
        labels = self.labels
        if labels is None:
            return
        if len(labels.own) != labels.sent * len(self.items):
            raise EngineFault(f"oprf: lane {self.match_key} has labels for another number of items")
        comes, goes = (labels.sent, labels.received) if self.key is None else (labels.received, labels.sent)
        if comes and not self.returns:
            raise EngineFault(f"oprf: lane {self.match_key} has labels from a side that returns nothing")
        if not (comes or goes):
            raise EngineFault(f"oprf: lane {self.match_key} has labels of no size")
