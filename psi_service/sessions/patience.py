"""How many refused Offers of one peer are written down: each costs two entries of the log, and budgets bound none.

Past the limit its Offers are not read until an hour after the first of them: nothing is logged, no counter of this
side moves. Its next Offer after that is refused as `counter` and accounts for those that were not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from psi_core.errors import Refused
from psi_service.clock import Clock, instant

MOST = 30
"""Refused Offers of one peer in one window; a whole window ends at once, so that a gap and a good Offer both fit."""
WINDOW = timedelta(hours=1)

log = structlog.get_logger()


@dataclass
class _Window:
    began: datetime
    refused: int = 0


class Patience:
    """Counts refused Offers by peer, since the node started."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def check(self, lab: str) -> None:
        """Raise Refused (`too_many_refusals`), to be told by status alone, while the peer is past its limit."""
        window = self._window(lab)
        if window is not None and window.refused >= MOST:
            ends = instant(window.began + WINDOW)
            words = (
                f"refusals: {MOST} offers were refused within an hour. The next one is read from {ends} on."
            )
            raise Refused("too_many_refusals", words)

    def refused(self, lab: str) -> None:
        """Count one Offer of the peer that either side refused."""
        window = self._window(lab)
        if window is None:
            window = self._windows[lab] = _Window(self._clock())
        window.refused += 1
        if window.refused == MOST:
            log.warning("offers of a peer are not read", peer=lab, until=instant(window.began + WINDOW))

    def _window(self, lab: str) -> _Window | None:
        """The peer's running window; none that a clock set back would keep open."""
        window = self._windows.get(lab)
        if window is not None and timedelta() <= self._clock() - window.began < WINDOW:
            return window
        self._windows.pop(lab, None)
        return None
