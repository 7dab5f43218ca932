"""The books of sessions that may go on after a break: which they are, until when, and when that is over.

begun (file, row) ──▶ barrier, or an end of any kind: row and file go
     │ break                                          ▲
     ▼                                                │
suspended (`since`) ──▶ resumed ──▶ as before; a break suspends it again
     └▶ lapsed: 24 h after its start, agreement over, set purged, peer removed: aborted on the next occasion
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlite_utils
import structlog

from psi_core.agreement.agreement import Agreement
from psi_core.engines.oprf.chunks import chunk_count
from psi_core.engines.oprf.kept_run import SEED_BYTES
from psi_core.engines.oprf.lane import sender_side
from psi_core.errors import StoreError
from psi_core.identity.instant import moment
from psi_service.clock import instant
from psi_service.durable import remove, sweep
from psi_service.sessions.open_resumption import OpenResumption
from psi_service.sessions.resumption_file import Kind, ResumptionFile, is_ready, scan
from psi_service.sessions.resumption_head import LaneHead, read_head, write_head
from psi_service.store.database import Store

if TYPE_CHECKING:
    from psi_service.sessions.open_session import OpenSession

log = structlog.get_logger()

Opened = TypeVar("Opened")

FOLDER = "resumptions"
LONGEST = timedelta(hours=24)
"""After its start; so no blind is older."""
_THIS = "session_id = ?"
MOST_RESUMED = 64
"""A session breaks and goes on so often at most: each time costs its peer a place."""


@dataclass(frozen=True)
class Suspended:
    """A session that broke off and may go on."""

    session_id: str
    since: str
    until: str
    answered: int
    total: int

    @property
    def percent(self) -> int:
        """How much of its chunks was answered."""
        return 100 * self.answered // self.total


class Resumptions:
    """Sealed files under the store's folder, and their rows. `data_key` seals them."""

    def __init__(self, store: Store, data_key: bytes) -> None:
        self._store = store
        self._data_key = data_key

    async def begin(
        self, session: OpenSession, private: Sequence[tuple[bytes, ...]]
    ) -> OpenResumption | None:
        """Keep a session that has just begun; `private`: per lane its private canaries.

        None where it could not go on in any case: only full runs of engine `oprf` do. Nor where the disk is full.
        """
        if not resumable(session):
            return None
        heads = [
            LaneHead(frozen, canaries, secrets.token_bytes(SEED_BYTES))
            for frozen, canaries in zip(session.frozen, private, strict=True)
        ]
        sizes = receiver_sizes(session)
        try:
            file = await _opened(partial(self._create, session.session_id, heads), _discard)
        except OSError as fault:
            reason = str(fault.strerror)
            log.warning("session cannot go on after a break", session=session.session_id, reason=reason)
            return None
        try:
            await self._store.transaction(partial(_enter, session, file.path.name, sizes))
        except BaseException:
            _discard(file)
            raise
        if not all(frozen.stands() for frozen in session.frozen):
            # What was purged since the freeze found no row of this session yet, and must not stay in its file.
            await self._store.transaction(lambda db: _cut_short(self._store, db, _THIS, session.session_id))
        serves = sender_side(session.offer.direction) == session.side
        return OpenResumption(file, heads, sizes, sends=serves)

    async def broken(self, session_id: str) -> bool:
        """A session broke off, or a crash left it: note it as suspended. False when it cannot go on (any more)."""
        found = await self._store.query(lambda db: _file_of(db, session_id))
        if found is None:
            return False
        try:
            records = await asyncio.to_thread(scan, folder(self._store) / found[0])
        except StoreError:
            return False
        answered = sum(record.kind is Kind.CHUNK for record in records)
        return is_ready(records) and await self._store.transaction(
            partial(self._suspend, session_id, answered)
        )

    async def suspended(self, session_id: str) -> Suspended | None:
        """A session that broke off and may go on; None for any other."""
        return await self._store.query(lambda db: find(db, session_id, self._now()))

    async def reopen(
        self, session_id: str, stands: Callable[[], bool], sizes: Sequence[int], *, sends: bool
    ) -> OpenResumption:
        """The file of a suspended session, read. Raises StoreError when it is gone, damaged or too short."""
        found = await self._store.query(lambda db: _file_of(db, session_id))
        if found is None:
            raise StoreError("nothing is kept of this session that it could go on with")
        name, answered = found
        work = partial(self._reopen, session_id, name, stands, sizes, sends)
        opened = await _opened(work, OpenResumption.close)
        # Whoever asks for them again could show other bytes. A receiver is simply told its answers again.
        if sends and opened.answered < answered:
            opened.close()
            raise StoreError(
                "the file of a suspended session lacks answers that were given: a disk has lost some"
            )
        return opened

    async def resumed(self, session_id: str) -> bool:
        """The session goes on now. False when it may not any more."""

        def work(db: sqlite_utils.Database) -> bool:
            return self._may(db, session_id) and bool(
                db.execute(
                    "UPDATE resumptions SET since = NULL, resumed = resumed + 1 WHERE session_id = ?",
                    (session_id,),
                ).rowcount
            )

        return await self._store.transaction(work)

    async def all(self) -> list[str]:
        """Every session that has a row."""
        rows = await self._store.query(lambda db: db.execute("SELECT session_id FROM resumptions").fetchall())
        return [session_id for (session_id,) in rows]

    async def sweep(self) -> None:
        """At start, before any session: remove files that no row names."""
        named = await self._store.query(
            lambda db: {name for (name,) in db.execute("SELECT file FROM resumptions").fetchall()}
        )
        await asyncio.to_thread(sweep, folder(self._store), named)

    def forget(self, db: sqlite_utils.Database, match_key: str, elements: Sequence[bytes]) -> None:
        """Elements of a match key were purged: sessions on a set of it go on no more once they break off."""
        if elements:
            lanes = "session_id IN (SELECT session_id FROM session_lanes WHERE match_key = ?)"
            _cut_short(self._store, db, lanes, match_key)

    def _create(self, session_id: str, heads: Sequence[LaneHead]) -> ResumptionFile:
        file = ResumptionFile.create(folder(self._store), self._data_key, session_id)
        write_head(file, heads)
        return file

    def _reopen(
        self, session_id: str, name: str, stands: Callable[[], bool], sizes: Sequence[int], sends: bool
    ) -> OpenResumption:
        where = folder(self._store)
        file = ResumptionFile.reopen(where / name, self._data_key, session_id)
        try:
            heads = read_head(file, self._store.path.parent, stands)
            return OpenResumption(file, heads, sizes, sends=sends)
        except BaseException:
            file.close()
            raise

    def _suspend(self, session_id: str, answered: int, db: sqlite_utils.Database) -> bool:
        if not self._may(db, session_id):
            return False
        db.execute(
            "UPDATE resumptions SET since = coalesce(since, ?), answered = max(answered, ?) WHERE session_id = ?",
            (self._now(), answered, session_id),
        )
        return True

    def _may(self, db: sqlite_utils.Database, session_id: str) -> bool:
        """Whether a session with a row may go on: before its barrier, in time, under an agreement in force."""
        row = db.execute(
            "SELECT agreements.note FROM resumptions JOIN sessions USING (session_id)"
            " JOIN agreements ON agreements.hash = resumptions.agreement"
            " WHERE session_id = ? AND sessions.state = 'open' AND pre_recorded IS NULL AND until > ?"
            " AND resumed < ? AND agreements.state = 'in_force'"
            " AND NOT EXISTS (SELECT 1 FROM peers WHERE lab = sessions.peer AND removed IS NOT NULL)",
            (session_id, self._now(), MOST_RESUMED),
        ).fetchone()
        return row is not None and self._store.clock() < moment(Agreement.unverified(row[0]).valid_until)

    def _now(self) -> str:
        return instant(self._store.clock())


def resumable(session: OpenSession) -> bool:
    """Whether every lane is a full run of engine `oprf`.

    Of an incremental run nothing is evaluated before the barrier: it is simply begun again.
    """
    return all(key is not None for key in session.keys) and not any(session.increments)


def receiver_sizes(session: OpenSession) -> list[int]:
    """Per lane, how many items are evaluated: the receiver's padded size."""
    text = session.offer if session.offer.direction != "responder" else session.accept
    return [lane.padded_size for lane in text.lanes]


def find(db: sqlite_utils.Database, session_id: str, now: str) -> Suspended | None:
    """A suspended session, as views show it."""
    row = db.execute(
        "SELECT session_id, since, until, answered, total FROM resumptions"
        " WHERE session_id = ? AND since IS NOT NULL AND until > ?",
        (session_id, now),
    ).fetchone()
    return None if row is None else Suspended(*row)


def dropped(store: Store, db: sqlite_utils.Database, session_id: str) -> None:
    """The session is past its barrier, or over: nothing more is kept of it, in the current transaction."""
    _cut_short(store, db, _THIS, session_id)
    db.execute("DELETE FROM resumptions WHERE session_id = ?", (session_id,))


def dropped_under(store: Store, db: sqlite_utils.Database, agreement: bytes) -> None:
    """The agreement is over: what is suspended under it goes on no more."""
    _cut_short(store, db, "agreement = ?", agreement)


def folder(store: Store) -> Path:
    """Where the sealed files lie."""
    return store.path.parent / FOLDER


def _cut_short(store: Store, db: sqlite_utils.Database, where: str, value: object) -> None:
    """Remove files at the commit. The rows stay, lapsed, until their sessions are aborted."""
    for (name,) in db.execute(f"SELECT file FROM resumptions WHERE {where}", (value,)).fetchall():  # noqa: S608 - ours
        store.on_commit(partial(remove, folder(store) / name))
    db.execute(f"UPDATE resumptions SET until = '' WHERE {where}", (value,))  # noqa: S608 - ours


def _enter(session: OpenSession, file: str, sizes: Sequence[int], db: sqlite_utils.Database) -> None:
    (started,) = db.execute(
        "SELECT started FROM sessions WHERE session_id = ?", (session.session_id,)
    ).fetchone()
    db.table("resumptions").insert(
        {
            "session_id": session.session_id,
            "agreement": bytes.fromhex(session.offer.agreement),
            "peer": session.peer.lab,
            "file": file,
            "until": instant(moment(started) + LONGEST),
            "total": sum(map(chunk_count, sizes)),
        }
    )


def _file_of(db: sqlite_utils.Database, session_id: str) -> tuple[str, int] | None:
    """Its name, and how many answered chunks it had when the session broke off."""
    row = db.execute("SELECT file, answered FROM resumptions WHERE session_id = ?", (session_id,)).fetchone()
    return None if row is None else (str(row[0]), int(row[1]))


async def _opened(work: Callable[[], Opened], undo: Callable[[Opened], None]) -> Opened:
    """What `work` opens in a thread. Should the caller be cancelled meanwhile, `undo` gets it: a thread goes on."""

    def undone(task: asyncio.Task[Opened]) -> None:
        if not task.cancelled() and task.exception() is None:
            undo(task.result())

    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(undone)
        raise


def _discard(file: ResumptionFile) -> None:
    file.close()
    remove(file.path)
