"""From a file's bytes to fingerprints: cut into batches, worked on by every worker at once, handed back in order.

    source -> CsvRows | JsonLines -> batches -> workers -> results, in the file's order

Order matters: of two rows about one indicator the later one counts. At most two batches a worker are under way,
so a file of any size needs bounded memory, and a slow store slows the upload down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing

from psi_core.errors import InvalidConfiguration
from psi_service.imports.batch import Batch, BatchResult
from psi_service.imports.columns import ColumnMap
from psi_service.imports.csv_rows import CsvRows
from psi_service.imports.json_lines import JsonLines
from psi_service.imports.raw_row import Piece, RawRow
from psi_service.imports.worker_pool import ImportWorkers

BATCH_ROWS = 2000
BATCH_BYTES = 256 * 1024
_PIECE = 64 * 1024

RowSource = CsvRows | JsonLines


def row_source(file_format: str, columns: ColumnMap) -> RowSource:
    """The reader of a file format, `csv` or `jsonl`. Raises InvalidConfiguration for another."""
    if file_format == "csv":
        return CsvRows(columns)
    if file_format == "jsonl":
        return JsonLines(columns)
    raise InvalidConfiguration("a file to import is csv or jsonl")


async def results(
    source: AsyncIterator[bytes], rows: RowSource, region: str | None, workers: ImportWorkers
) -> AsyncGenerator[BatchResult, None]:
    """What the workers make of `source`, in its order. Raises InputError when the file cannot be read at all."""
    waiting: deque[asyncio.Task[BatchResult]] = deque()
    try:
        async with aclosing(_batches(source, rows, region)) as batches:
            async for batch in batches:
                waiting.append(asyncio.create_task(workers.read(batch)))
                if len(waiting) >= 2 * workers.processes:
                    yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _batches(
    source: AsyncIterator[bytes], rows: RowSource, region: str | None
) -> AsyncGenerator[Batch, None]:
    cutter = _Cutter(rows, region)
    async for chunk in source:
        for start in range(0, len(chunk), _PIECE):
            for batch in cutter.add(rows.feed(chunk[start : start + _PIECE])):
                yield batch
            # A large chunk must not keep the event loop from the node's other work.
            await asyncio.sleep(0)
    for batch in cutter.add(rows.finish()):
        yield batch
    for batch in cutter.rest():
        yield batch


class _Cutter:
    """Gathers rows into batches of 2,000 rows or 256 KiB, or what one piece of 64 KiB has beyond that."""

    def __init__(self, source: RowSource, region: str | None) -> None:
        self._source = source
        self._region = region
        self._pieces: list[Piece] = []
        self._count = 0
        self._weight = 0

    def add(self, pieces: Sequence[Piece]) -> Iterator[Batch]:
        for piece in pieces:
            self._pieces.append(piece)
            self._count += 1 if isinstance(piece, RawRow) else piece.lines
            self._weight += piece.weight
            if self._count >= BATCH_ROWS or self._weight >= BATCH_BYTES:
                yield from self.rest()

    def rest(self) -> Iterator[Batch]:
        if self._pieces:
            yield Batch(tuple(self._pieces), self._source.layout, self._region)
            self._pieces, self._count, self._weight = [], 0, 0
