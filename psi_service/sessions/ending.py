"""How a session ends that does not end well: what is aborted at once, and what waits to be settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import sqlite_utils
import structlog

from psi_client.peer_fault import Fault
from psi_core.errors import (
    Conflict,
    PeerError,
    PeerUnreachable,
    PsiError,
    Refused,
    SessionAborted,
    StoreError,
)
from psi_core.session.opening import Abort, Offer
from psi_core.session.roles import first_signer
from psi_service.sessions.books import Desk
from psi_service.sessions.closing_books import ClosingBooks
from psi_service.sessions.conversation import Conversation
from psi_service.sessions.resumptions import Resumptions

log = structlog.get_logger()

GOODBYE_SECONDS = 5.0
"""How long an Abort may take to leave."""

_COMES_LATER = ("concurrent", "too_many_refusals")
"""What a busy node says by status alone: a session that was to go on may do so later."""


class Ending:
    """Runs a session and, when it breaks, writes down how."""

    def __init__(self, desk: Desk, resumptions: Resumptions) -> None:
        self._desk = desk
        self._resumptions = resumptions
        self._books = ClosingBooks(desk)

    async def guarded(
        self, session_id: str, conversation: Conversation, run: Coroutine[Any, Any, Any], *, seconds: float
    ) -> None:
        """Run a session for at most `seconds`; an error is logged as an abort, told to the peer, and raised.

        A session whose record only lacks the other signature is left to Settle when the connection or this node
        breaks off, and one that may go on later is suspended. A Refused is logged already and passes through.
        """
        try:
            async with asyncio.timeout(seconds):
                await run
        except Refused as refusal:
            if refusal.by != self._desk.lab and not refusal.note:
                # The peer's node ended the call with a status, and no Refuse that could be logged.
                await self._end(session_id, conversation, refusal, cut_off=refusal.rule in _COMES_LATER)
            raise
        except TimeoutError as error:
            late = PeerUnreachable(f"the session took longer than {seconds:.0f} s", fault="timeout")
            await self._end(session_id, conversation, late)
            raise late from error
        except asyncio.CancelledError:
            await self._end(session_id, conversation, SessionAborted("the node is stopping"), cut_off=True)
            raise
        except PsiError as fault:
            if isinstance(fault, StoreError):
                log.warning("session failed", session=session_id, code=fault.code, reason=str(fault))
            await self._end(session_id, conversation, fault, cut_off=_is_cut(fault))
            raise
        except Exception as bug:
            log.exception("session failed", session=session_id)
            internal = SessionAborted("an internal error; the node's own log has the details")
            await self._end(session_id, conversation, internal)
            raise internal from bug

    async def abort_hopeless(self) -> None:
        """At start: abort every session that a crash left where no record can come of it, nor may it go on later."""
        for session_id in await self._desk.store.query(_unfinished):
            if await self._resumptions.broken(session_id):
                continue
            row = await self._row(session_id)
            if row is not None and not _settleable(row, self._desk.lab):
                await self._abort(row, SessionAborted("the node went down in mid-session"))

    async def abort_lapsed(self, is_running: Callable[[str], bool]) -> None:
        """Abort suspended sessions that may not go on any more."""
        for session_id in await self._resumptions.all():
            if not is_running(session_id) and not await self._resumptions.broken(session_id):
                await self.give_up(session_id, "it broke off, and may not go on any more")

    async def give_up(self, session_id: str, words: str) -> None:
        """Abort a suspended session here; the peer hears of it when it is settled."""
        row = await self._row(session_id)
        if row is not None and row["state"] == "open":
            await self._abort(row, SessionAborted(words))

    async def _end(
        self, session_id: str, conversation: Conversation, fault: PsiError, *, cut_off: bool = False
    ) -> None:
        if cut_off and await self._resumptions.broken(session_id):
            log.info("session suspended", session=session_id, reason=str(fault))
            return
        row = await self._row(session_id)
        if row is None or row["state"] not in ("offered", "open", "pending"):
            return
        if _left_to_settle(row, self._desk.lab, fault):
            log.info("session left to be settled", session=session_id, reason=str(fault))
            return
        note = await self._abort(row, fault)
        if note and not isinstance(fault, PeerUnreachable):
            with suppress(PeerError, TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await conversation.send("abort", note)
                    # The connection is closed right after this: wait until the peer has read why.
                    await conversation.close()

    async def _row(self, session_id: str) -> dict[str, Any] | None:
        return await self._desk.store.query(lambda db: _row(db, session_id))

    async def _abort(self, row: dict[str, Any], fault: PsiError) -> bytes:
        offer = Offer.unverified(row["offer"])
        peer_note = fault.note if isinstance(fault, SessionAborted) else b""
        if peer_note and Abort.unverified(peer_note).offer != offer.hash().hex():
            peer_note = b""  # An Abort of another session says nothing of this one.
        try:
            return await self._books.abort(offer, fault.code, _told(fault), peer_note=peer_note)
        except Conflict:
            return b""


def _told(fault: PsiError) -> str:
    """The words of an abort, which the peer and auditors read: what is wrong with this node's store names its files."""
    if isinstance(fault, StoreError):
        return "this lab's store failed; its node's own journal has the details"
    return str(fault)


def _is_cut(fault: PsiError) -> bool:
    """Whether the connection or a node went away, and nobody did wrong or said no."""
    if isinstance(fault, PeerUnreachable):
        return fault.fault != Fault.REMOVED
    return isinstance(fault, SessionAborted) and not fault.note


def _left_to_settle(row: dict[str, Any], own_lab: str, fault: PsiError) -> bool:
    """Whether Settle is to decide.

    A pending first signer has signed, so only the peer's word ends the session: the peer may have signed too. A
    second signer that can rebuild the record waits only when it was cut off, and nobody did wrong.
    """
    told = isinstance(fault, SessionAborted) and bool(fault.note)
    if row["state"] == "pending":
        return not told
    cut_off = isinstance(fault, PeerUnreachable) or (isinstance(fault, SessionAborted) and not told)
    return cut_off and _settleable(row, own_lab)


def _settleable(row: dict[str, Any], own_lab: str) -> bool:
    """Whether only signatures are missing: a pending first signer, or a second signer that can rebuild the record."""
    if row["state"] == "pending":
        return True
    side = "initiator" if row["initiator"] == own_lab else "responder"
    learns = row["direction"] in ("both", side)
    rebuilds = row["sent_transcript"] and row["received_transcript"] and (row["own_results"] or not learns)
    return bool(row["state"] == "open" and first_signer(row["direction"]) != side and rebuilds)


def _row(db: sqlite_utils.Database, session_id: str) -> dict[str, Any] | None:
    for row in db.query("SELECT * FROM sessions WHERE session_id = ?", (session_id,)):
        return row
    return None


def _unfinished(db: sqlite_utils.Database) -> list[str]:
    rows = db.execute(
        "SELECT session_id FROM sessions WHERE state IN ('offered', 'open', 'pending') ORDER BY rowid"
    )
    return [session_id for (session_id,) in rows.fetchall()]
