"""Every call that is open with a peer, in either direction, so that removing the peer ends them all.

A connection outlives the trust that let it in: TLS asks once. So each call is entered here while it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psi_core.errors import PsiError, Refused

MAX_CALLS_PER_LAB = 32

Cut = Callable[[PsiError], None]


class OpenCalls:
    """The open calls by lab. Used on the node's event loop only."""

    def __init__(self, *, most_per_lab: int = MAX_CALLS_PER_LAB) -> None:
        self._most_per_lab = most_per_lab
        self._calls: dict[str, list[Cut]] = {}

    def count(self, lab: str) -> int:
        """How many calls are open with `lab`."""
        return len(self._calls.get(lab, ()))

    @contextmanager
    def entered(self, lab: str, cut: Cut) -> Iterator[None]:
        """Keep `cut` while the block runs; it gets the reason when the calls of `lab` are to end."""
        calls = self._calls.setdefault(lab, [])
        calls.append(cut)
        try:
            yield
        finally:
            calls.remove(cut)
            if not calls and self._calls.get(lab) is calls:
                del self._calls[lab]

    @contextmanager
    def until_ended(self, lab: str) -> Iterator[None]:
        """Run the block as one open call with `lab`: ended from here, it is cancelled and raises the reason.

        The CancelledError inside the block carries the reason too, as its one argument.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call runs in an asyncio task")
        reasons: list[PsiError] = []

        def cut(reason: PsiError) -> None:
            if not reasons:
                reasons.append(reason)
                task.cancel(reason)

        with self.entered(lab, cut):
            try:
                yield
            except asyncio.CancelledError:
                if not reasons:
                    raise
                task.uncancel()
        if reasons:
            raise reasons[0]

    @contextmanager
    def serving(self, lab: str) -> Iterator[None]:
        """`until_ended` for a call that `lab` made to us.

        Raises Refused (rule `concurrent`) when `lab` has too many calls open already.
        """
        if self.count(lab) >= self._most_per_lab:
            raise Refused("concurrent", f"{self._most_per_lab} calls are open already; wait until one ends")
        with self.until_ended(lab):
            yield

    def end(self, lab: str, reason: PsiError) -> int:
        """End every open call of `lab`; returns how many there were."""
        calls = list(self._calls.get(lab, ()))
        for cut in calls:
            cut(reason)
        return len(calls)

    def end_all(self, reason: PsiError) -> int:
        """End every open call of every lab: the node is stopping."""
        return sum(self.end(lab, reason) for lab in list(self._calls))
