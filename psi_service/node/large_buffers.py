"""Large buffers go back to the system as soon as they are freed, instead of growing the process session by session."""

from __future__ import annotations

import ctypes
import os

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
"""mallopt(3) of glibc; elsewhere nothing is done."""
_FROM_BYTES = 8 << 20
"""Buffers that grow with a session's sets; what is used again and again in a run is smaller."""
_KEPT_BYTES = 4 << 20
"""Free bytes at the end of a heap that stay: a few frames."""


def give_back_large_buffers() -> None:
    """Have malloc map every buffer of 8 MiB and more by itself.

    glibc would raise that bound with every large buffer that is freed, keep up to 32 MiB each in its heap, and never
    return what lies between two that are in use. Who sets MALLOC_MMAP_THRESHOLD_ is left alone.

    With a bound that is set, glibc would also hand back every free 128 KiB at a heap's end: each frame of a run would
    be given and taken page by page.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        mallopt(_M_MMAP_THRESHOLD, _FROM_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
