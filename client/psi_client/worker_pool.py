"""Engine orders on several cores: child processes, kept warm, each served by a thread of its own.

A child's death costs the order that it had, and the session of that order; the next order gets a new child.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from psi_client.worker_child import OPENMINED_COMMAND, WorkerChild
from psi_core.errors import WorkerDied

# An order may take a minute, and 2 ms for each 32 bytes of it: some twenty times what the reference machine
# takes. A child that spins for longer is killed.
GRACE_SECONDS = 60.0
_SECONDS_PER_BYTE = 0.002 / 32

_ORDERS_PER_CHILD = 2  # in flight at once: one computed, one waiting, so that no child idles


class WorkerPool:
    """At most `processes` children (default: one per core), each started when first needed.

    `map` may be called by many threads at once; they share the children. Call `close`, or use it with `with`.
    """

    def __init__(
        self,
        processes: int | None = None,
        *,
        command: Sequence[str] = OPENMINED_COMMAND,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self.processes = processes or os.cpu_count() or 1
        self._command = tuple(command)
        self._grace_seconds = grace_seconds
        self._threads = ThreadPoolExecutor(self.processes, thread_name_prefix="engine-child")
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._children: set[WorkerChild] = set()
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the children that were started and not yet replaced."""
        with self._lock:
            return tuple(sorted(child.pid for child in self._children))

    def map(self, orders: Iterable[bytes]) -> Iterator[bytes]:
        """Return the answers to `orders`, in their order. The first 2 x processes orders are taken at once.

        Later orders are taken as answers are. Dropping the iterator cancels what has not begun.

        Raises (the iterator):
            WorkerDied: a child ended before it answered, or the pool is closed.
            EngineFault: a child refused an order.
        """
        return _Answers(self, iter(orders))

    def submit(self, order: bytes) -> Future[bytes]:
        """Queue one order; raises WorkerDied when the pool is closed."""
        try:
            return self._threads.submit(self._run, order)
        except RuntimeError as error:
            raise WorkerDied("the worker pool is closed") from error

    def _run(self, order: bytes) -> bytes:
        child = self._own_child()
        return child.ask(order, self._grace_seconds + len(order) * _SECONDS_PER_BYTE)

    def _own_child(self) -> WorkerChild:
        """Return this thread's child, a new one if it has none or the last one ended."""
        child: WorkerChild | None = getattr(self._of_thread, "child", None)
        if child is not None and child.alive:
            return child
        with self._lock:
            if child is not None:
                child.end()
                self._children.discard(child)
            if self._closed:
                raise WorkerDied("the worker pool is closed")
            child = self._of_thread.child = WorkerChild(self._command)
            self._children.add(child)
        return child

    def close(self) -> None:
        """End the pool's children, and no other process; orders under way end as WorkerDied."""
        with self._lock:
            self._closed = True
            children = tuple(self._children)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.kill()
        self._threads.shutdown(wait=True)
        for child in children:
            child.end()
        with self._lock:
            self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Answers(Iterator[bytes]):
    """The answers of one `map`, with a bounded number of its orders in flight."""

    def __init__(self, pool: WorkerPool, orders: Iterator[bytes]) -> None:
        self._pool = pool
        self._orders = orders
        self._flying: deque[Future[bytes]] = deque()
        self._take()

    def __next__(self) -> bytes:
        if not self._flying:
            raise StopIteration
        try:
            answer = self._flying.popleft().result()
            self._take()
        except CancelledError as error:
            raise WorkerDied("the worker pool was closed") from error
        except BaseException:
            self._cancel()
            raise
        return answer

    def _take(self) -> None:
        """Take orders until 2 x processes of them are in flight or none is left."""
        while len(self._flying) < _ORDERS_PER_CHILD * self._pool.processes:
            order = next(self._orders, None)
            if order is None:
                return
            self._flying.append(self._pool.submit(order))

    def _cancel(self) -> None:
        while self._flying:
            self._flying.pop().cancel()

    def __del__(self) -> None:
        self._cancel()
