"""Sessions that run at this moment: their tasks, their progress, their places."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar

import structlog

from psi_core.errors import Conflict, PsiError, Refused
from psi_service.sessions.progress import Progress, Role

log = structlog.get_logger()

Result = TypeVar("Result")
Meanwhile = Callable[[], AbstractContextManager[None]]
Ended = Callable[[Progress, Role], None]
"""Hears of every session that has ended, and which role it had here."""

REMEMBERED = 200
"""Progress and errors of this many ended sessions are kept, for whoever asks late."""


class Running:
    """Keeps at most `places` sessions running at once, ours and the peers' together.

    `meanwhile` is entered for as long as a session has its place.
    """

    def __init__(self, places: int, ended: Ended | None = None, meanwhile: Meanwhile = nullcontext) -> None:
        self._ended = ended or (lambda _, __: None)
        self._meanwhile = meanwhile
        self._free = asyncio.Semaphore(places)
        self._places = places
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._progress: OrderedDict[str, Progress] = OrderedDict()
        self._failures: OrderedDict[str, PsiError] = OrderedDict()
        self._cuts: dict[str, Callable[[], None]] = {}
        self._beside: dict[str, asyncio.Task[Any]] = {}
        self._stopping = False

    def start(
        self, session_id: str, progress: Progress, run: Coroutine[Any, Any, None], *, quiet: bool = False
    ) -> None:
        """Run a session of ours in a task of its own; `quiet`: whoever started it tells the journal how it ended.

        Raises Conflict when the node is stopping.
        """
        if self._stopping:
            run.close()
            raise Conflict("the node is stopping; no session is started")
        self._remember(self._progress, session_id, progress)
        self._failures.pop(session_id, None)
        task = asyncio.create_task(self._keep(session_id, progress, run, quiet), name=f"session-{session_id}")
        self._tasks[session_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(session_id, None))

    async def shared(self, name: str, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """What the work called `name` returns or raises: one at a time, for all who ask while it is under way.

        It goes on when whoever asked is gone. Raises Conflict when the node is stopping.
        """
        task: asyncio.Task[Result] | None = self._beside.get(name)
        if task is None:
            if self._stopping:
                raise Conflict("the node is stopping; nothing is begun")
            task = self._beside[name] = asyncio.create_task(work(), name=name)
            task.add_done_callback(lambda done: self._shared_done(name, done))
        return await asyncio.shield(task)

    def _shared_done(self, name: str, task: asyncio.Task[Any]) -> None:
        del self._beside[name]
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.warning("work failed", name=name, reason=str(fault))

    @asynccontextmanager
    async def answering(
        self, session_id: str, progress: Progress, cut: Callable[[], None]
    ) -> AsyncIterator[None]:
        """The current task answers a peer's session, over a stream that `cut` ends.

        Raises Refused (`concurrent`) when there is no place for it.
        """
        if self._stopping or self._free.locked():
            words = f"concurrent: {self._places} sessions run here already. Try again when one has ended."
            raise Refused("concurrent", words)
        task = asyncio.current_task()
        if task is None or session_id in self._tasks:
            raise Refused("session_id", "this session id is running; draw a new one")
        self._remember(self._progress, session_id, progress)
        self._tasks[session_id] = task
        self._cuts[session_id] = cut
        try:
            async with self.place():
                yield
        finally:
            progress.end()
            self._ended(progress, "responder")
            del self._tasks[session_id]
            del self._cuts[session_id]

    async def cut_off(self, session_id: str) -> None:
        """End the stream over which a peer's session still runs here, and wait until it has written down how it ended.

        The peer has opened another stream for it: what is left of this one leads nowhere.
        """
        if session_id in self._cuts:
            self._cuts[session_id]()
            await self.wait(session_id)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        async with self._free:
            with self._meanwhile():
                yield

    def is_running(self, session_id: str) -> bool:
        """Whether a task of this node works on it right now."""
        return session_id in self._tasks

    def progress(self, session_id: str) -> Progress | None:
        """Where a session stands that runs, or ended since the node started."""
        return self._progress.get(session_id)

    def failure(self, session_id: str) -> PsiError | None:
        """What a session of ours failed with, since the node started."""
        return self._failures.get(session_id)

    def raise_failure(self, session_id: str) -> None:
        """Raise what a session of ours failed with, if it failed."""
        if session_id in self._failures:
            raise self._failures[session_id]

    async def wait(self, session_id: str) -> None:
        """Wait until a session is over, however it ends."""
        task = self._tasks.get(session_id)
        if task is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Start nothing more, end every session and wait until each has written down how it ended."""
        self._stopping = True
        tasks = [*self._tasks.values(), *self._beside.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _keep(
        self, session_id: str, progress: Progress, run: Coroutine[Any, Any, None], quiet: bool
    ) -> None:
        try:
            await run
        except PsiError as fault:
            self._remember(self._failures, session_id, fault)
            if not quiet:
                log.warning("session ended", session=session_id, code=fault.code, reason=str(fault))
        finally:
            progress.end()
            self._ended(progress, "initiator")

    def _remember(self, kept: OrderedDict[str, Any], session_id: str, value: object) -> None:
        kept[session_id] = value
        # What runs stays, however many refused Offers a peer sends meanwhile.
        over = [each for each in kept if each not in self._tasks and each != session_id]
        for each in over[: max(0, len(kept) - REMEMBERED)]:
            del kept[each]
