"""Expiry on a timer, while the node runs."""

from __future__ import annotations

import structlog

from psi_core.errors import PsiError
from psi_service.retention.service import RetentionService
from psi_service.rounds.background import Background
from psi_service.sessions.service import SessionService

log = structlog.get_logger()


class RetentionRounds(Background):
    """Purges what has expired at the start, and every so many seconds. What a round has purged stays purged.

    Suspended sessions that may not go on any more are aborted then too.
    """

    def __init__(self, retention: RetentionService, sessions: SessionService, seconds: float) -> None:
        super().__init__("retention", self.purge, seconds, at_once=True)
        self._retention = retention
        self._sessions = sessions

    async def purge(self) -> None:
        """One round. What fails is in the journal, and is tried again next time."""
        try:
            await self._retention.expire()
        except PsiError as fault:
            log.warning("expired indicators were not purged", code=fault.code, reason=fault.message)
        try:
            await self._sessions.abort_lapsed()
        except PsiError as fault:
            log.warning("suspended sessions were not ended", code=fault.code, reason=fault.message)
