"""The node's store: one SQLite file, one writer thread, several reader threads.

    transaction(work)   writer thread   BEGIN IMMEDIATE, work, COMMIT, after-commit hooks; the awaiter resumes
    query(work)         reader thread   one consistent view of what is committed, read-only

`work` is an ordinary function that is handed the thread's sqlite_utils.Database; it must not keep it. SQLite
waits for no lock here: the one writer takes transactions in the order in which they were asked for.
synchronous=FULL, so what is committed survives a power cut.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlite_utils import Database

from psi_core.errors import StoreError
from psi_service.clock import Clock
from psi_service.store.lock import StoreLock
from psi_service.store.migrations import migrate

DATABASE_FILE = "node.db"
READERS = 4
BUSY_SECONDS = 10
CACHE_KIB = 32 * 1024
"""Of the writer's connection, at most. With SQLite's own 2 MiB a large import would write pages over and over."""
READER_CACHE_KIB = 4 * 1024
"""Of each reader's: what reads much reads it once."""
CHECKPOINT_PAGES = 4000
"""From 16 MB on the write-ahead log is copied into the file."""

RESTORE = "Stop the node and restore it from a backup: psi-node restore"

T = TypeVar("T")


class Store:
    """Owner of one data directory's database. Build it with `open`; end it with `close` (or `close_now`)."""

    def __init__(self, path: Path, lock: StoreLock, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self._lock = lock
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._thread = threading.local()
        self._opened: list[Database] = []
        self._hooks: list[Callable[[], None]] | None = None
        self._closed = False

    @classmethod
    def open(cls, directory: Path, clock: Clock) -> Store:
        """Take the lock of `directory` (made with mode 0700 when missing), check its database whole and migrate it.

        Raises StoreLocked when another process has it; StoreError when the file is damaged, or was made by a
        newer version.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = StoreLock.take(directory)
        store = cls(directory / DATABASE_FILE, lock, clock)
        try:
            store._writer.submit(store._prepare).result()
        except BaseException:
            store.close_now()
            raise
        return store

    async def transaction(self, work: Callable[[Database], T]) -> T:
        """Run `work` as one transaction on the writer thread and return what it returns.

        Whatever `work` raises rolls everything back and is raised here. Hooks registered with `on_commit` run
        before this returns; when one raises, the data is committed and its error is raised here. Cancelling
        the awaiter does not stop a transaction that has begun. Raises StoreError when the disk fails or the
        store is closed.
        """
        return await asyncio.wrap_future(self._submit(self._writer, self._transact, work))

    async def query(self, work: Callable[[Database], T]) -> T:
        """Run the reading `work` on a reader thread, on one view of the committed data; writing raises."""
        return await asyncio.wrap_future(self._submit(self._readers, self._read, work))

    def transaction_now(self, work: Callable[[Database], T]) -> T:
        """`transaction` for callers without an event loop; blocks until the commit and its hooks are done."""
        return self._submit(self._writer, self._transact, work).result()

    def query_now(self, work: Callable[[Database], T]) -> T:
        """`query` for callers without an event loop."""
        return self._submit(self._readers, self._read, work).result()

    async def empty_journal(self) -> bool:
        """Bring the write-ahead log into the database file and cut it to nothing: it holds what was overwritten there.

        False: a reader was at work, and it is as it was.
        """
        return await asyncio.wrap_future(
            self._submit(self._writer, lambda _: self._empty_journal(), lambda _: False)
        )

    def on_commit(self, hook: Callable[[], None]) -> None:
        """Inside a transaction: run `hook` on the writer thread once the transaction is committed, only then.

        A hook equal to one that waits already is not added twice. Raises StoreError outside a transaction.
        """
        if self._hooks is None or not self._on_writer():
            raise StoreError("on_commit was called outside a transaction: nothing would ever run the hook")
        if hook not in self._hooks:
            self._hooks.append(hook)

    async def close(self) -> None:
        """Finish what was asked for, close the connections, give the lock back. Closing twice is harmless."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close` for callers without an event loop."""
        self._closed = True
        self._readers.shutdown()
        self._writer.shutdown()
        while self._opened:
            self._opened.pop().close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_now()

    def _submit(
        self,
        threads: ThreadPoolExecutor,
        run: Callable[[Callable[[Database], T]], T],
        work: Callable[[Database], T],
    ) -> Future[T]:
        if self._closed:
            raise StoreError("the store is closed: the node is stopping")
        if threads is self._writer and self._on_writer():
            raise StoreError("a transaction was asked for inside a transaction: it would wait for itself")
        try:
            return threads.submit(run, work)
        except RuntimeError:  # closed a moment ago, by another thread
            raise StoreError("the store is closed: the node is stopping") from None

    def _on_writer(self) -> bool:
        return getattr(self._thread, "writes", False)

    def _prepare(self) -> None:
        """On the writer thread, once: create the file for its owner alone, open it and migrate it."""
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self._thread.writes = True
        try:
            connection = self._database().conn
            connection.execute("PRAGMA journal_mode = WAL")
            self._check_pages(connection)
            migrate(connection)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be opened: {error}. {RESTORE}") from error

    def _check_pages(self, connection: sqlite3.Connection) -> None:
        """Read every page once (some 3 s a GB): damage is found at start, not when a session needs the page."""
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StoreError(f"{self.path} is damaged: {' '.join(found.split())}. {RESTORE}")

    def _database(self) -> Database:
        """This thread's own connection, opened on first use."""
        database: Database | None = getattr(self._thread, "database", None)
        if database is None:
            # Closed by close_now on another thread, after this one has ended: hence check_same_thread.
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            database = Database(connection, execute_plugins=False)
            self._opened.append(database)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            cache = CACHE_KIB if self._on_writer() else READER_CACHE_KIB
            connection.execute(f"PRAGMA cache_size = {-cache}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA query_only = {'OFF' if self._on_writer() else 'ON'}")
            self._thread.database = database
        return database

    def _transact(self, work: Callable[[Database], T]) -> T:
        database = self._database()
        hooks: list[Callable[[], None]] = []
        self._hooks = hooks
        try:
            result = self._in_transaction(database, "BEGIN IMMEDIATE", work)
        finally:
            self._hooks = None
        _run_all(hooks)
        return result

    def _empty_journal(self) -> bool:
        connection = self._database().conn
        # Nothing waits for readers here: writers would wait behind.
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise StoreError(self._why(error)) from error
        finally:
            connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
        return not busy

    def _read(self, work: Callable[[Database], T]) -> T:
        return self._in_transaction(self._database(), "BEGIN", work)

    def _in_transaction(self, database: Database, begin: str, work: Callable[[Database], T]) -> T:
        connection = database.conn
        try:
            connection.execute(begin)
            result = work(database)
            connection.execute("COMMIT")
        except BaseException as error:
            _roll_back(connection)
            # These two, not their siblings: a full or failing disk, a damaged file. A broken constraint is a bug.
            if type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}:
                raise StoreError(self._why(error)) from error
            raise
        return result

    def _why(self, error: BaseException) -> str:
        # The low byte is the error, the others say more about it (sqlite.org/rescode.html).
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return f"{self.path} is damaged: {error}. {RESTORE}"
        return f"{self.path} could not be read or written: {error}. Mend its disk, full or failing, and try again"


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite has rolled back by itself after some errors, such as a full disk.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _run_all(hooks: list[Callable[[], None]]) -> None:
    """Run every hook, also after one failed; raise the first failure."""
    failure: Exception | None = None
    for hook in hooks:
        try:
            hook()
        except Exception as error:  # noqa: BLE001 -- raised below, once the other hooks have run
            failure = failure or error
    if failure is not None:
        raise failure
