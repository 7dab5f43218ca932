"""Lists written straight into a store, without an import: sizes that an import would take an hour for."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from psi_core.native_core import HASH

_ACTOR = "INSERT INTO actors (id, lookup, reference, created) VALUES (?, ?, x'00', '2026-01-01T00:00:00Z')"
_INDICATOR = "INSERT INTO indicators (actor, kind, fingerprint) VALUES (?, ?, ?)"


def write_straight(database: Path, kind: str, items: int, shared: bytes) -> None:
    """Give the store of a node that is down `items` fingerprints of `kind`: those of `shared` (32 bytes each), then
    random ones, each of an actor of its own.

    Nobody can look such actors up: their references were never sealed.
    """
    with closing(sqlite3.connect(database)) as db:
        # A made-up list need not outlive a power cut.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA foreign_keys = OFF")
        with db:
            db.executemany(_ACTOR, ((number, os.urandom(HASH)) for number in range(1, items + 1)))
            db.executemany(_INDICATOR, _indicators(kind, items, shared))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _indicators(kind: str, items: int, shared: bytes) -> Iterator[tuple[int, str, bytes]]:
    for number in range(items):
        known = shared[number * HASH : (number + 1) * HASH]
        yield number + 1, kind, known or os.urandom(HASH)
