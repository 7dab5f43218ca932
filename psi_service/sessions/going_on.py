"""The initiator's way back into a session that broke off: at once, a few times; later, with wishes like its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sqlite_utils
import structlog

from psi_core.engines.choice import AUTO
from psi_core.errors import PsiError
from psi_core.session.opening import Offer
from psi_service.sessions.books import Desk
from psi_service.sessions.plan import Plan
from psi_service.sessions.resumptions import Resumptions, Suspended, find

log = structlog.get_logger()

_OURS = (
    "SELECT session_id, direction, reveal, offer FROM sessions JOIN resumptions USING (session_id)"
    " WHERE sessions.agreement = ? AND initiator = ? AND since IS NOT NULL"
)


class GoingOn:
    """Finds suspended sessions that this lab started, and dials again for them."""

    def __init__(self, desk: Desk, resumptions: Resumptions, redial_seconds: tuple[float, ...]) -> None:
        self._desk = desk
        self._resumptions = resumptions
        self._redial_seconds = redial_seconds

    async def wished(self, plan: Plan) -> Suspended | None:
        """The suspended session that is what `plan` asks for; None: there is none."""
        found = await self._desk.store.query(lambda db: self._ours(db, plan, alike=True))
        return found[0] if found else None

    async def others(self, plan: Plan) -> list[Suspended]:
        """Suspended sessions under the agreement of `plan` that are not what it asks for: they keep it from running."""
        return await self._desk.store.query(lambda db: self._ours(db, plan, alike=False))

    async def persistently(
        self, session_id: str, first: Callable[[], Awaitable[None]], again: Callable[[], Awaitable[None]]
    ) -> None:
        """Run `first`, and as long as the session is suspended by it, after some seconds `again`, and so on.

        Raises what the last try raised.
        """
        step, waits, answered = first, iter(self._redial_seconds), -1
        while True:
            try:
                await step()
            except PsiError as fault:
                found = await self._resumptions.suspended(session_id)
                if found is None:
                    raise
                if found.answered > answered:
                    waits, answered = iter(self._redial_seconds), found.answered
                wait = next(waits, None)
                if wait is None:
                    raise
                log.info("dialling again", session=session_id, seconds=wait, reason=str(fault))
            else:
                return
            await asyncio.sleep(wait)
            step = again

    def _ours(self, db: sqlite_utils.Database, plan: Plan, *, alike: bool) -> list[Suspended]:
        rows = db.execute(_OURS, (plan.agreement.hash(), self._desk.lab)).fetchall()
        named = [
            session_id
            for session_id, direction, reveal, offer in rows
            if _alike(plan, direction, reveal, Offer.unverified(offer)) is alike
        ]
        found = [find(db, session_id, self._desk.now()) for session_id in named]
        return [each for each in found if each is not None]


def _alike(plan: Plan, direction: str, reveal: str, offer: Offer) -> bool:
    """Whether a plan asks for what an Offer offered; `auto` is content with the engines that were chosen then."""
    names = tuple(lane.match_key for lane in offer.lanes)
    engines = {lane.engine for lane in offer.lanes}
    asked = (plan.direction, plan.reveal, plan.match_keys) == (direction, reveal, names)
    return asked and (plan.engine == AUTO or engines == {plan.engine})
