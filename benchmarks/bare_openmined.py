"""Baseline: openmined-psi alone, the same buckets on the same cores, nothing sent.

Arguments: BUCKETS SIZE PROCESSES.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import sys
import time
from importlib import import_module
from typing import Any

from benchmarks.children import cpu_seconds, family


def _library() -> Any:
    return import_module("private_set_intersection.python")


def warm(_: int) -> None:
    """Load the library, so that loading is not measured."""
    _library()
    time.sleep(0.2)


def bucket(size: int) -> int:
    """All four steps of both sides on one bucket of random items, one in a hundred shared; how many matched."""
    library = _library()
    shared = [secrets.token_hex(32) for _ in range(size // 100)]
    ours, theirs = (shared + [secrets.token_hex(32) for _ in range(size - len(shared))] for _ in range(2))
    client = library.client.CreateWithNewKey(True)
    server = library.server.CreateWithNewKey(True)
    setup = server.CreateSetupMessage(0.5, size, theirs, library.DataStructure.RAW)
    response = server.ProcessRequest(client.CreateRequest(ours))
    return len(client.GetIntersection(setup, response))


def main(buckets: int, size: int, processes: int) -> None:
    """Time all buckets over warm processes."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(warm, range(2 * processes), chunksize=1)
        begun, cpu = time.perf_counter(), sum(map(cpu_seconds, family(os.getpid())))
        matched = pool.map(bucket, [size] * buckets, chunksize=1)
        seconds, cpu = time.perf_counter() - begun, sum(map(cpu_seconds, family(os.getpid()))) - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "matched": sum(matched)}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
