"""The books of generations (engine `oprf`): what may be built on, what waits for its record, what is thrown away.

A generation is written before this side signs, or lets the other side sign, the record of its run. It counts once the
record has both signatures; the receiver, who signs first, may build on one that the sender builds on already. The
newest two stay, so that a damaged segment of the last run costs no full run where both labs hold the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlite_utils
import structlog

from psi_core.engines.oprf.generation import Generation
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.lane import item_domain
from psi_core.engines.oprf.segment import GenerationName, Left, Segment
from psi_core.engines.questions import sender_fields
from psi_core.errors import PsiError, StoreError
from psi_core.session.items import items_of
from psi_core.session.opening import Offer
from psi_service.durable import remove, sweep
from psi_service.sessions.chains import Chain, ChainReader, Link, chain_of, grown_long, set_chain
from psi_service.sessions.segment_file import FOLDER, read, write
from psi_service.store.database import Store

log = structlog.get_logger()

KEPT = 2
"""Generations with a full record that stay, per agreement, match key and sender."""


@dataclass(frozen=True)
class Held:
    """One row: a generation that this side may build on; `fields`: of the sender's labels that went along."""

    row: dict[str, Any] = field(repr=False)
    chain: Chain = field(repr=False)
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> GenerationName:
        """Number and hash."""
        return GenerationName(self.row["number"], self.row["hash"])

    @property
    def statement(self) -> KeyStatement:
        """Of the key under which it was made."""
        return KeyStatement.from_text(self.row["statement"])


@dataclass(frozen=True)
class Made:
    """What one lane's run leaves, before it is written; `before`: what it was built on, None: a full run."""

    match_key: str
    statement: KeyStatement
    before: Generation | None = field(repr=False)
    left: Left


class Generations:
    """Sealed files under the store's folder, and their rows."""

    def __init__(self, store: Store, data_key: bytes) -> None:
        self._store = store
        self._data_key = data_key

    async def held(self, statement: KeyStatement, *, unsigned: bool) -> list[Held]:
        """Those made under one key, newest first; `unsigned`: those that still wait for their record too."""
        name = (bytes.fromhex(statement.agreement), statement.match_key, statement.lab, statement.epoch)

        def work(db: sqlite_utils.Database) -> list[Held]:
            rows = db.query(
                "SELECT generations.*, offer FROM generations JOIN sessions USING (session_id)"
                " WHERE generations.agreement = ? AND match_key = ? AND sender = ? AND epoch = ?"
                " AND (held IS NOT NULL OR ?) ORDER BY held IS NOT NULL, held DESC, id DESC",
                (*name, unsigned),
            )
            return [
                Held(row, chain_of(db, row["id"]), sender_fields(Offer.unverified(row["offer"])))
                for row in rows
                if row["statement"] == statement.text()
            ]

        return await self._store.query(work)

    def reader(self) -> ChainReader:
        """Reads generations that have files in common once."""
        return ChainReader(folder(self._store), self._data_key)

    async def load(self, held: Held, reader: ChainReader) -> Generation | None:
        """The state itself; None when a file is damaged, which is told in the journal: it is thrown away then."""
        try:
            return await asyncio.to_thread(reader.read, held.statement, held.name, held.chain)
        except StoreError as fault:
            log.warning("cache thrown away", match_key=held.row["match_key"], reason=str(fault))

        def work(db: sqlite_utils.Database) -> None:
            # An erasure may have put other files in their place meanwhile, which are as good as before.
            if chain_of(db, held.row["id"]) == held.chain:
                _delete(self._store, db, "id = ?", (held.row["id"],))

        await self._store.transaction(work)
        return None

    async def keep(self, session_id: str, made: Sequence[Made]) -> None:
        """Write what a session's run leaves; it counts when the record has both signatures."""
        for each in made:
            link = await asyncio.to_thread(self._write, each.left.segment)
            if not await self._store.transaction(partial(self._enter, session_id, each, link)):
                # What it was built on was thrown away meanwhile: it is written whole.
                await asyncio.to_thread(remove, folder(self._store) / link.file)
                link = await asyncio.to_thread(self._write_whole, each)
                await self._store.transaction(partial(self._enter, session_id, each, link, whole=True))

    async def shorten(self, session_id: str) -> None:
        """After a session: write the long chains that it left as one base each."""
        for held in await self._store.query(partial(_made_by, session_id)):
            if grown_long(held.chain):
                try:
                    link = await asyncio.to_thread(self._write_base, held)
                except PsiError as fault:
                    log.warning("cache not shortened", match_key=held.row["match_key"], reason=str(fault))
                    continue
                await self._store.transaction(partial(self._replace, held, (link,)))

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
            return {name for (name,) in db.execute("SELECT file FROM generation_segments").fetchall()}

        named = await self._store.transaction(work)
        await asyncio.to_thread(sweep, folder(self._store), named)

    def forget(self, db: sqlite_utils.Database, match_key: str, elements: Sequence[bytes]) -> None:
        """Take erased or expired elements (32 bytes each) out of every cache, in the current transaction."""
        if not elements:
            return
        files = db.execute(
            "SELECT DISTINCT file, file_hash, statement, EXISTS (SELECT 1 FROM epoch_keys WHERE"
            " epoch_keys.agreement = generations.agreement AND epoch_keys.match_key = generations.match_key"
            " AND epoch_keys.epoch = generations.epoch AND epoch_keys.statement = generations.statement)"
            " FROM generation_segments JOIN generations ON id = generation WHERE match_key = ?",
            (match_key,),
        ).fetchall()
        for file, file_hash, text, sends in files:
            statement = KeyStatement.from_text(text)
            try:
                found = read(folder(self._store), file, self._data_key, file_hash)
                erased = items_of(item_domain(statement), elements)
                left = found.without(erased, statement, sends=bool(sends))
                if left is not None:
                    _rename(self._store, db, file, self._write(left))
            except PsiError as fault:
                log.warning("cache thrown away", match_key=match_key, reason=str(fault))
                where = "id IN (SELECT generation FROM generation_segments WHERE file = ?)"
                _delete(self._store, db, where, (file,))

    def _write(self, segment: Segment) -> Link:
        name, digest = write(folder(self._store), self._data_key, segment)
        return Link(name, digest, segment.rows)

    def _write_whole(self, made: Made) -> Link:
        before, segment = made.before, made.left.segment
        return self._write(before.after(segment).whole() if before else segment)

    def _write_base(self, held: Held) -> Link:
        return self._write(self.reader().read(held.statement, held.name, held.chain).whole())

    def _enter(
        self, session_id: str, made: Made, link: Link, db: sqlite_utils.Database, *, whole: bool = False
    ) -> bool:
        """Enter the row of a generation; False: what it was built on has no row any more."""
        before: Chain = ()
        if made.before is not None and not whole:
            before = _chain_named(db, made.statement, made.before.name)
            if not before:
                return False
        row = {
            "agreement": bytes.fromhex(made.statement.agreement),
            "match_key": made.match_key,
            "sender": made.statement.lab,
            "epoch": made.statement.epoch,
            "statement": made.statement.text(),
            "number": made.left.name.number,
            "hash": made.left.name.hash,
            "session_id": session_id,
        }
        set_chain(db, int(db.table("generations").insert(row).last_pk or 0), (*before, link))
        return True

    def _replace(self, held: Held, chain: Chain, db: sqlite_utils.Database) -> None:
        """Give a generation other files, unless it has others or none by now."""
        if chain_of(db, held.row["id"]) == held.chain:
            set_chain(db, held.row["id"], chain)
            _unlink_unnamed(self._store, db, [link.file for link in held.chain])
        else:
            _unlink_unnamed(self._store, db, [link.file for link in chain])


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


def _made_by(session_id: str, db: sqlite_utils.Database) -> list[Held]:
    rows = db.query("SELECT * FROM generations WHERE session_id = ? AND held IS NOT NULL", (session_id,))
    return [Held(row, chain_of(db, row["id"])) for row in rows]


def _chain_named(db: sqlite_utils.Database, statement: KeyStatement, name: GenerationName) -> Chain:
    row = db.execute(
        "SELECT id FROM generations WHERE number = ? AND hash = ? AND statement = ?",
        (name.number, name.hash, statement.text()),
    ).fetchone()
    return chain_of(db, row[0]) if row else ()


def _rename(store: Store, db: sqlite_utils.Database, file: str, link: Link) -> None:
    """Put another file in the place of one, in every chain."""
    db.execute(
        "UPDATE generation_segments SET file = ?, file_hash = ?, rows = ? WHERE file = ?", (*link, file)
    )
    _unlink_unnamed(store, db, [file])


def _delete(store: Store, db: sqlite_utils.Database, where: str, values: Sequence[object]) -> None:
    rows = db.execute(f"SELECT id FROM generations WHERE {where}", values).fetchall()  # noqa: S608 - ours
    for (number,) in rows:
        files = [link.file for link in chain_of(db, number)]
        db.execute("DELETE FROM generations WHERE id = ?", (number,))
        _unlink_unnamed(store, db, files)


def _unlink_unnamed(store: Store, db: sqlite_utils.Database, files: Iterable[str]) -> None:
    """Remove, once this transaction is committed, those files that no chain names any more."""
    for file in files:
        if not db.execute("SELECT 1 FROM generation_segments WHERE file = ?", (file,)).fetchone():
            store.on_commit(partial(remove, folder(store) / file))
