"""What a session frees stays with the process until the last one has ended."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import ctypes, sys
from psi_service.node.heap import HEAP

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

def filled():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    buffers = [libc.malloc(4 << 20) for _ in range(64)]
    for each in buffers:
        ctypes.memset(each, 1, 4 << 20)
    for each in buffers:
        libc.free(each)

HEAP.share()
before = resident()
with HEAP.kept():
    with HEAP.kept():
        filled()
    inside = resident()
after = resident()
filled()
print(inside - before, after - before, resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the bounds are those of glibc")
def test_memory_stays_while_a_session_runs_and_goes_with_the_last_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[4],
        env={name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")},
    )
    inside, after, alone = map(int, done.stdout.split())
    assert inside > 200, "what is free is given back while a session runs"
    assert after < 32, "what was free is not given back"
    assert alone < 100, "outside of sessions little stays"
