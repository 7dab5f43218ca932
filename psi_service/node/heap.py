"""One heap for the process: what a session frees is used again by its next step, and given back when it has ended.

Memory that the system gives is cleared page by page as it is first touched, and on a virtual machine it may have to
come from the host: that took a third of a run of `vole`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""mallopt(3) of glibc; elsewhere nothing is done."""
_MAPPED = 1 << 30
"""Larger buffers are mapped one by one, and given back one by one."""
_MAPPED_BEFORE_2_35 = 32 << 20
"""The most that an older glibc takes for it."""
_LEFT = 64 << 20
"""So much may stay free at the heap's end while no session runs."""
_ALL = (1 << 31) - 1


class Heap:
    """The heap of malloc, with fixed bounds. Who sets MALLOC_ARENA_MAX or MALLOC_MMAP_THRESHOLD_ is left alone."""

    def __init__(self) -> None:
        self._users = 0
        self._libc: ctypes.CDLL | None = None

    def share(self) -> None:
        """Have all threads use one heap: glibc would give each its own, and keep in each what its largest step took."""
        libc = ctypes.CDLL(None)
        set_apart = {"MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys()
        if set_apart or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
            return
        self._libc = libc
        libc.mallopt(_M_ARENA_MAX, 1)
        if not libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED):
            libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BEFORE_2_35)
        libc.mallopt(_M_TRIM_THRESHOLD, _LEFT)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Give nothing back meanwhile; when nobody is in here any more, give back all that is free."""
        self._users += 1
        if self._libc is not None and self._users == 1:
            self._libc.mallopt(_M_TRIM_THRESHOLD, _ALL)
        try:
            yield
        finally:
            self._users -= 1
            if self._libc is not None and self._users == 0:
                self._libc.mallopt(_M_TRIM_THRESHOLD, _LEFT)
                self._libc.malloc_trim(0)


HEAP = Heap()
"""Of this process."""
