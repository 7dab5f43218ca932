"""One run of a job: sessions until one is done, or until trying again cannot help.

attempt ─▶ verdict ─┬▶ done, or nothing to be gained: the run has ended
                    └▶ wait (backoff, jitter) ─▶ settle what the attempt left ─▶ attempt
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psi_core.errors import PsiError
from psi_service.clock import Clock
from psi_service.jobs.sessions import Ended, RunsSessions
from psi_service.jobs.verdict import UNFINISHED, Retry, Verdict, verdict_of
from psi_service.jobs.wishes import Wishes
from psi_service.sessions.views import SessionView

MAX_ATTEMPTS = 6
FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 900.0
ONCE_WAIT_SECONDS = 5.0

Sleep = Callable[[float], Awaitable[None]]
"""Waits for a number of seconds."""
Chance = Callable[[], float]
"""Draws a number from 0 up to 1."""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended, after how many sessions, and the last of them if it came to an offer."""

    verdict: Verdict
    attempts: int
    session: SessionView | None


class JobRunner:
    """Runs jobs; never two sessions of one agreement towards one lab at once."""

    def __init__(self, sessions: RunsSessions, clock: Clock, sleep: Sleep, chance: Chance) -> None:
        self._sessions = sessions
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._turns: defaultdict[tuple[bytes, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, wishes: Wishes, *, until: datetime | None, patient: bool = True) -> RunEnd:
        """Run to an end. No try begins after `until`, when the job is due again.

        A run that is not `patient`, because a person waits for it, leaves faults to that person.
        """
        attempts, once = 0, set[str]()
        while True:
            attempts += 1
            ended = await self._attempt(wishes)
            verdict = verdict_of(ended)
            wait = self._wait(verdict, attempts, once, patient)
            if wait is None or (until is not None and self._clock() + timedelta(seconds=wait) >= until):
                return RunEnd(verdict, attempts, ended.session)
            await self._sleep(wait)
            settled = await self._settled(ended.session)
            if settled is not None and settled.state == "complete":
                return RunEnd(verdict_of(Ended(settled)), attempts, settled)

    async def _attempt(self, wishes: Wishes) -> Ended:
        try:
            agreement = await self._sessions.agreement(wishes)
            async with self._turns[agreement.hash(), wishes.peer]:
                return await self._sessions.run(wishes, agreement)
        except PsiError as fault:
            return Ended(None, fault)

    async def _settled(self, session: SessionView | None) -> SessionView | None:
        """What became of a session that lacked only signatures; the next session would settle it anyway."""
        if session is None or session.state not in UNFINISHED:
            return None
        try:
            return await self._sessions.settled(session)
        except PsiError:
            return None

    def _wait(self, verdict: Verdict, attempts: int, once: set[str], patient: bool) -> float | None:
        """Seconds until the next try; None: there is none. Half to one and a half of what doubles each time."""
        jitter = 0.5 + self._chance()
        if verdict.retry is Retry.ONCE and verdict.code not in once:
            once.add(verdict.code)
            return ONCE_WAIT_SECONDS * jitter
        if verdict.retry is Retry.AGAIN and patient and attempts < MAX_ATTEMPTS:
            doubled: float = FIRST_WAIT_SECONDS * 2 ** (attempts - 1)
            return min(doubled, LONGEST_WAIT_SECONDS) * jitter
        return None
