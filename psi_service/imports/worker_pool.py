"""Worker processes for imports: spawned, never forked, because gRPC's threads may be running in the parent."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from psi_core.errors import StoreError
from psi_service.imports.batch import Batch, BatchResult, ImportKeys, read_batch
from psi_service.imports.worker import start_worker


class ImportWorkers:
    """`processes` workers, each started when it is first needed. Use it as an async context manager."""

    def __init__(self, keys: ImportKeys, processes: int) -> None:
        self._keys = keys
        self.processes = processes
        self._pool = ProcessPoolExecutor(
            processes, mp_context=multiprocessing.get_context("spawn"), initializer=start_worker
        )

    async def read(self, batch: Batch) -> BatchResult:
        """Read one batch in a worker. Raises StoreError when a worker process dies."""
        try:
            return await asyncio.wrap_future(self._pool.submit(read_batch, self._keys, batch))
        except BrokenProcessPool as error:
            raise StoreError(
                "an import's worker process ended, perhaps for want of memory. Rows before it are kept unless the "
                "import is strict; import the file again"
            ) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
