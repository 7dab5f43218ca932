"""Imports of actors and their indicators: one at a time, in worker processes, written in small transactions.

Without `strict` good rows are kept as they come, also when the import breaks off later. A strict import puts
them aside first, and keeps all in one go or nothing when a row is bad.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from pathlib import PurePath
from typing import Literal

from sqlite_utils import Database

from psi_core.errors import InputError, InvalidConfiguration, StoreError
from psi_core.kinds.row_fields import ACTOR
from psi_service.clock import Clock, instant
from psi_service.imports import record
from psi_service.imports.batch import BatchResult, ImportKeys
from psi_service.imports.columns import ColumnMap
from psi_service.imports.keeping import Rows, discard_staged, keep, move_staged, slices, stage
from psi_service.imports.pipeline import results, row_source
from psi_service.imports.report import ImportProgress, ImportReport
from psi_service.imports.tally import Tally
from psi_service.imports.worker_pool import ImportWorkers
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

CurrentKey = Callable[[], Awaitable[tuple[str, bytes]]]
"""Gives key id and 32-byte consortium key; raises NotFound when the node is in no consortium."""

ShowProgress = Callable[[ImportProgress], None]

MAX_NAME = 200

_REGION = re.compile("[A-Z]{2}")


class Importer:
    """Built once a node. `processes` is the number of worker processes; they live as long as an import."""

    def __init__(
        self,
        store: Store,
        log: NodeLog,
        clock: Clock,
        *,
        data_key: bytes,
        current_key: CurrentKey,
        processes: int,
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._data_key = data_key
        self._current_key = current_key
        self._processes = processes
        self._turn = asyncio.Lock()

    async def run(
        self,
        source: AsyncIterator[bytes],
        *,
        name: str,
        format: Literal["csv", "jsonl"] = "csv",
        mapping: Mapping[str, str] | None = None,
        region: str | None = None,
        strict: bool = False,
        actor_column: str = ACTOR,
        progress: ShowProgress | None = None,
    ) -> ImportReport:
        """Import one file whose bytes `source` yields in pieces of any size; waits while another import runs.

        `name` is the file's name, for people. `mapping` gives columns a meaning (columns.py); `region` (two
        letters) is the default of national phone numbers. `progress` is called after every batch.

        Bad rows are told in the report, not raised. Raises InputError when the file as a whole cannot be read,
        InvalidConfiguration for wrong options, NotFound without a consortium key, NodeRefusing, StoreError.
        """
        rows = row_source(format, ColumnMap.of(mapping or {}, actor_column))
        region = _region(region)
        async with self._turn:
            self._log.check()
            _, consortium_key = await self._current_key()
            tally = await self._begin(_file_name(name), strict)
            workers = ImportWorkers(ImportKeys(consortium_key, self._data_key), self._processes)
            try:
                async with workers, aclosing(results(source, rows, region, workers)) as read:
                    async for result in read:
                        await self._take(tally, result)
                        if progress is not None:
                            progress(tally.progress())
                return await self._finish(tally, rows.ignored)
            except BaseException as error:
                await asyncio.shield(self._break_off(tally, error))
                raise

    async def recover_at_start(self) -> int:
        """Mark imports that a crash broke off as failed and drop what they put aside; returns how many.

        To be called once, before the first import, after the log has been checked.
        """

        def mark(db: Database) -> tuple[int, list[int]]:
            broken = record.broken_off(db)
            for import_id, counts in broken.items():
                record.end(db, self._log, import_id, "failed", counts, self._now())
            staged = db.conn.execute("SELECT DISTINCT import FROM staged_indicators")
            return len(broken), [import_id for (import_id,) in staged]

        broken, staged = await self._store.transaction(mark)
        for import_id in staged:
            await self._discard(import_id)
        return broken

    async def _begin(self, file: str, strict: bool) -> Tally:
        import_id = await self._store.transaction(lambda db: record.begin(db, file, self._now()))
        return Tally(import_id, file, strict)

    async def _take(self, tally: Tally, result: BatchResult) -> None:
        """Count one batch and write it, in transactions of at most 5,000 rows."""
        tally.add(result)
        if not tally.strict:
            await self._keep(tally, result)
        elif tally.refused == 0:
            for rows in slices(result.indicator_rows(), 0):
                await self._store.transaction(
                    partial(stage, import_id=tally.import_id, actors=result.actors, rows=rows)
                )

    async def _keep(self, tally: Tally, result: BatchResult) -> None:
        actors: Mapping[bytes, bytes] = result.actors
        for rows in slices(result.indicator_rows(), len(actors)):

            def write(db: Database, actors: Mapping[bytes, bytes] = actors, rows: Rows = rows) -> int:
                record.note_counts(db, tally.import_id, tally.counts())
                return keep(db, actors, rows, self._now())

            tally.new_actors += await self._store.transaction(write)
            # They are all known now.
            actors = {}

    async def _finish(self, tally: Tally, ignored: tuple[str, ...]) -> ImportReport:
        kept = not (tally.strict and tally.refused)
        state: Literal["done", "refused"] = "done" if kept else "refused"
        if not kept:
            tally.drop()

        def end(db: Database) -> int:
            new = move_staged(db, tally.import_id, self._now()) if tally.strict and kept else tally.new_actors
            record.end(db, self._log, tally.import_id, state, tally.counts(), self._now())
            return new

        tally.new_actors = await self._store.transaction(end)
        if tally.strict:
            await self._discard(tally.import_id)
        return tally.report(state, ignored)

    async def _break_off(self, tally: Tally, error: BaseException) -> None:
        """Write down that the import ended early. What cannot be written now, `recover_at_start` writes."""
        state: Literal["refused", "failed"] = "refused" if isinstance(error, InputError) else "failed"
        if tally.strict:
            tally.drop()
        with suppress(StoreError):
            await self._store.transaction(
                lambda db: record.end(db, self._log, tally.import_id, state, tally.counts(), self._now())
            )
            await self._discard(tally.import_id)

    async def _discard(self, import_id: int) -> None:
        while await self._store.transaction(lambda db: discard_staged(db, import_id)):
            pass

    def _now(self) -> str:
        return instant(self._clock())


def _region(region: str | None) -> str | None:
    if region is None:
        return None
    if not _REGION.fullmatch(region.upper()):
        raise InvalidConfiguration("a region has two letters (ISO 3166), as in DE")
    return region.upper()


def _file_name(name: str) -> str:
    """A file's name as it is shown: without its folder, printable, at most 200 characters."""
    shown = "".join(character for character in PurePath(name).name if character.isprintable())
    return shown[:MAX_NAME] or "unnamed"
