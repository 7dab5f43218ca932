"""Where a session stands, for people who wait for it. Nothing here is secret: phases, counts of runs and bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Literal


class Phase(StrEnum):
    """The steps of a session, in order. OFFERED is the initiator's, ACCEPTED the responder's."""

    SETTLING = "settling"
    FREEZING = "freezing"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    BEGUN = "begun"
    OPENING = "opening"
    BARRIER = "barrier"
    COMPLETING = "completing"
    COMPUTED = "computed"
    RESULTS = "results"
    SIGNED = "signed"
    COUNTERSIGNED = "countersigned"
    DONE = "done"


PHASES = tuple(Phase)
Role = Literal["initiator", "responder"]
Watch = Callable[[str, Phase], None]
"""Hears the session id and the phase that it has reached."""


class Progress:
    """The phase of one session, how many engine runs of it are through, and what went over the wire so far.

    resumed_at: of one that was suspended, how much of it was done, in percent.
    """

    def __init__(self, session_id: str, watch: Watch | None = None) -> None:
        self.session_id = session_id
        self.phase: Phase | None = None
        self.runs_done = 0
        self.runs_total = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.left_out = 0
        self.resumed_at: int | None = None
        self._watch = watch
        self._started = time.monotonic()
        self._ended: float | None = None
        self._since = self._started
        self._spent: dict[Phase, float] = {}

    def enter(self, phase: Phase) -> None:
        """The session has reached `phase`."""
        self._leave()
        self.phase = phase
        if self._watch is not None:
            self._watch(self.session_id, phase)

    def end(self) -> None:
        """The session is over, however it ended: its clock stops."""
        self._leave()
        self._ended = time.monotonic()

    def phase_seconds(self) -> Mapping[Phase, float]:
        """How long it was in each phase that it has left, in seconds."""
        return self._spent

    def _leave(self) -> None:
        """The phase of the moment is over."""
        now = time.monotonic()
        if self.phase is not None and self._ended is None:
            self._spent[self.phase] = self._spent.get(self.phase, 0.0) + now - self._since
        self._since = now

    def seconds(self) -> float:
        """How long it has run, or ran."""
        return round((self._ended or time.monotonic()) - self._started, 3)
