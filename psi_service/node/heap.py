"""One heap for the process: what a session frees is used again by its next step, and little is kept behind it.

Memory that the system gives is cleared page by page as it is first touched, and on a virtual machine it may have to
come from the host: that took a sixth of a run of `vole`.
"""

from __future__ import annotations

import ctypes
import os

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""mallopt(3) of glibc; elsewhere nothing is done."""
_BYTES = 64 << 20
"""Larger buffers are mapped one by one, and given back one by one; so much that is free stays at the heap's end."""


def share_one_heap() -> None:
    """Have all threads share one heap of malloc, with fixed bounds.

    glibc would give each its own, keep in each what its largest session took, and hand frames that another thread frees
    back to the system. Who sets MALLOC_ARENA_MAX or MALLOC_MMAP_THRESHOLD_ is left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and not {"MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys():
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _BYTES)
        mallopt(_M_TRIM_THRESHOLD, _BYTES)
