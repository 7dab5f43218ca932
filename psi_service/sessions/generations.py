"""The books of generations (engine `oprf`): what may be built on, what waits for its record, what is thrown away.

A generation is written before this side signs, or lets the other side sign, the record of its run. It counts once the
record has both signatures; the receiver, who signs first, may build on one that the sender builds on already. The
newest two stay, so that a damaged one costs no full run where both labs hold the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlite_utils
import structlog

from psi_core.engines.oprf.generation import Generation, GenerationName
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.lane import item_domain
from psi_core.errors import StoreError
from psi_core.session.items import items_of
from psi_service.sessions.generation_file import FOLDER, read, remove, write
from psi_service.store.database import Store

log = structlog.get_logger()

KEPT = 2
"""Generations with a full record that stay, per agreement, match key and sender."""


@dataclass(frozen=True)
class Held:
    """One row: a generation that this side may build on."""

    row: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> GenerationName:
        """Number and hash."""
        return GenerationName(self.row["number"], self.row["hash"])


@dataclass(frozen=True)
class Made:
    """One lane's generation after a run, before it is written."""

    match_key: str
    statement: KeyStatement
    generation: Generation = field(repr=False)


class Generations:
    """Sealed files under the store's folder, and their rows."""

    def __init__(self, store: Store, data_key: bytes) -> None:
        self._store = store
        self._data_key = data_key

    async def held(self, statement: KeyStatement, *, unsigned: bool) -> list[Held]:
        """Those made under one key, newest first; `unsigned`: those that still wait for their record too."""
        name = (bytes.fromhex(statement.agreement), statement.match_key, statement.lab, statement.epoch)

        def work(db: sqlite_utils.Database) -> list[dict[str, Any]]:
            return list(
                db.query(
                    "SELECT * FROM generations WHERE agreement = ? AND match_key = ? AND sender = ? AND epoch = ?"
                    " AND (held IS NOT NULL OR ?) ORDER BY held IS NOT NULL, held DESC, id DESC",
                    (*name, unsigned),
                )
            )

        return [Held(row) for row in await self._store.query(work) if row["statement"] == statement.text()]

    async def load(self, held: Held) -> Generation | None:
        """The state itself; None when its file is damaged, which is told in the journal: it is thrown away then."""
        row = held.row
        path = folder(self._store) / row["file"]
        try:
            return await asyncio.to_thread(read, path, self._data_key, held.name, row["file_hash"])
        except StoreError as fault:
            log.warning("cache thrown away", match_key=row["match_key"], reason=str(fault))
            # An erasure may have put another file in its place meanwhile, which is as good as before.
            await self._store.transaction(
                lambda db: _delete(self._store, db, "id = ? AND file = ?", (row["id"], row["file"]))
            )
            return None

    async def keep(self, session_id: str, made: Sequence[Made]) -> None:
        """Write the generations that a session's run makes; they count when its record has both signatures."""
        rows = [await asyncio.to_thread(self._written, session_id, each) for each in made]
        await self._store.transaction(lambda db: db.table("generations").insert_all(rows) if rows else None)

    async def discard(self, agreement: bytes, match_keys: Iterable[str], sender: str) -> None:
        """Throw away all of these match keys: the next run is full."""
        names = list(match_keys)

        def work(db: sqlite_utils.Database) -> None:
            for name in names:
                where = "agreement = ? AND match_key = ? AND sender = ?"
                _delete(self._store, db, where, (agreement, name, sender))

        await self._store.transaction(work)

    async def sweep(self) -> None:
        """At start, before any session: remove files that no row names, and rows of agreements not in force."""

        def work(db: sqlite_utils.Database) -> set[str]:
            over = "agreement NOT IN (SELECT hash FROM agreements WHERE state = 'in_force')"
            _delete(self._store, db, over, ())
            return {name for (name,) in db.execute("SELECT file FROM generations").fetchall()}

        named = await self._store.transaction(work)
        await asyncio.to_thread(_sweep, folder(self._store), named)

    def forget(self, db: sqlite_utils.Database, match_key: str, elements: Sequence[bytes]) -> None:
        """Take erased or expired elements (32 bytes each) out of every cache, in the current transaction."""
        if not elements:
            return
        for row in list(db.query("SELECT * FROM generations WHERE match_key = ?", (match_key,))):
            statement, path = KeyStatement.from_text(row["statement"]), folder(self._store) / row["file"]
            try:
                found = read(path, self._data_key, Held(row).name, row["file_hash"])
                erased = items_of(item_domain(statement), elements)
                sends = bool(
                    db.execute(
                        "SELECT 1 FROM epoch_keys WHERE agreement = ? AND match_key = ? AND epoch = ?"
                        " AND statement = ?",
                        (row["agreement"], match_key, row["epoch"], row["statement"]),
                    ).fetchone()
                )
                name, digest = write(
                    folder(self._store), self._data_key, found.without(erased, statement, sends=sends)
                )
            except StoreError as fault:
                log.warning("cache thrown away", match_key=match_key, reason=str(fault))
                _delete(self._store, db, "id = ?", (row["id"],))
                continue
            db.execute(
                "UPDATE generations SET file = ?, file_hash = ? WHERE id = ?", (name, digest, row["id"])
            )
            self._store.on_commit(partial(remove, path))

    def _written(self, session_id: str, made: Made) -> dict[str, Any]:
        name, digest = write(folder(self._store), self._data_key, made.generation)
        return {
            "agreement": bytes.fromhex(made.statement.agreement),
            "match_key": made.match_key,
            "sender": made.statement.lab,
            "epoch": made.statement.epoch,
            "statement": made.statement.text(),
            "number": made.generation.name.number,
            "hash": made.generation.name.hash,
            "session_id": session_id,
            "file": name,
            "file_hash": digest,
        }


def folder(store: Store) -> Path:
    """Where the sealed files lie."""
    return store.path.parent / FOLDER


def signed(store: Store, db: sqlite_utils.Database, session_id: str) -> None:
    """The session's record has both signatures: what it made counts.

    What is older than two, or of an epoch before, goes.
    """
    db.execute(
        "UPDATE generations SET held = (SELECT coalesce(max(held), 0) + 1 FROM generations)"
        " WHERE session_id = ? AND held IS NULL",
        (session_id,),
    )
    _delete(
        store,
        db,
        "held IS NOT NULL AND (SELECT count(*) FROM generations AS newer WHERE newer.agreement = generations.agreement"
        " AND newer.match_key = generations.match_key AND newer.sender = generations.sender"
        " AND newer.held > generations.held) >= ?",
        (KEPT,),
    )
    _delete(
        store,
        db,
        "EXISTS (SELECT 1 FROM generations AS newer WHERE newer.agreement = generations.agreement"
        " AND newer.match_key = generations.match_key AND newer.sender = generations.sender"
        " AND newer.held IS NOT NULL AND newer.epoch > generations.epoch)",
        (),
    )


def dropped(store: Store, db: sqlite_utils.Database, session_id: str, *, doubtful: bool) -> None:
    """The session came to nothing, and so did what it made; `doubtful`: nothing of its lanes is built on again."""
    _delete(store, db, "session_id = ? AND held IS NULL", (session_id,))
    if doubtful:
        _delete(
            store,
            db,
            "(agreement, match_key) IN (SELECT sessions.agreement, session_lanes.match_key FROM session_lanes"
            " JOIN sessions USING (session_id) WHERE session_id = ? AND engine = 'oprf')",
            (session_id,),
        )


def _delete(store: Store, db: sqlite_utils.Database, where: str, values: Sequence[object]) -> None:
    rows = db.execute(f"SELECT id, file FROM generations WHERE {where}", values).fetchall()  # noqa: S608 - ours
    for number, file in rows:
        db.execute("DELETE FROM generations WHERE id = ?", (number,))
        gone: Callable[[], None] = partial(remove, folder(store) / file)
        store.on_commit(gone)


def _sweep(where: Path, named: set[str]) -> None:
    if where.is_dir():
        for path in where.iterdir():
            if path.name not in named:
                remove(path)
