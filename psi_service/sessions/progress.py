"""Where a session stands, for people who wait for it. Nothing here is secret: phases, counts of runs and bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum


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
Watch = Callable[[str, Phase], None]
"""Hears the session id and the phase that it has reached."""


class Progress:
    """The phase of one session, how many engine runs of it are through, and what went over the wire so far."""

    def __init__(self, session_id: str, watch: Watch | None = None) -> None:
        self.session_id = session_id
        self.phase: Phase | None = None
        self.runs_done = 0
        self.runs_total = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.left_out = 0
        self._watch = watch
        self._started = time.monotonic()
        self._ended: float | None = None

    def enter(self, phase: Phase) -> None:
        """The session has reached `phase`."""
        self.phase = phase
        if self._watch is not None:
            self._watch(self.session_id, phase)

    def end(self) -> None:
        """The session is over, however it ended: its clock stops."""
        self._ended = time.monotonic()

    def seconds(self) -> float:
        """How long it has run, or ran."""
        return round((self._ended or time.monotonic()) - self._started, 3)
