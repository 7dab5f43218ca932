"""What the policy is asked: the session that is proposed, and what the asked node knows and has spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Direction = Literal["initiator", "responder", "both"]
"""Who learns."""


@dataclass(frozen=True)
class LaneQuestion:
    """One lane. Sizes are padded sizes; 0 means not known yet, as the responder's are when an Offer comes in.

    `evaluations` is what the engine lets a receiver of this lane test (openmined: buckets * bucket size). `changes`
    are an incremental run's numbers of new items, added and removed tags; none in a full run.
    """

    match_key: str
    engine: str
    variant: str
    own_size: int = 0
    peer_size: int = 0
    evaluations: int = 0
    changes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Question:
    """A session as both nodes see it; only `own_lab` and the sizes' sides differ between them."""

    initiator: str
    responder: str
    own_lab: str
    protocol: str
    profile: str
    consortium_key_id: str
    direction: str
    reveal: str
    period: int
    lanes: tuple[LaneQuestion, ...]
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Labs whose labels go along, each with the fields."""

    @property
    def peer(self) -> str:
        """The other lab."""
        return self.responder if self.own_lab == self.initiator else self.initiator


@dataclass(frozen=True)
class Usage:
    """What the asked node holds about this agreement and this ordered pair at the moment of the question.

    `state` is the agreement's: `in_force`, `revoked`, or anything else for not in force. `spent` maps (match
    key, receiving lab) to the evaluations debited in the question's period. `last_pre_record` is when the
    last session of the ordered pair logged its first pre-record. `late_aborts` counts the pair's sessions
    that broke after theirs. `open_sessions` counts other open sessions of this agreement and order. The
    counter and the previous record's hash (32 bytes, zeros at first) are what this node expects and what the
    Offer says.
    """

    state: str
    own_protocol: str
    own_profile: str
    own_key_id: str
    spent: Mapping[tuple[str, str], int]
    last_pre_record: datetime | None
    late_aborts: int
    open_sessions: int
    expected_counter: int
    got_counter: int
    expected_previous: bytes
    got_previous: bytes
