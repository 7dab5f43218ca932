"""Generations of engine `oprf` as chains of segment files: which files, in which order, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import sqlite_utils

from psi_core.engines.oprf.generation import Generation
from psi_core.engines.oprf.key import KeyStatement
from psi_core.engines.oprf.segment import GenerationName
from psi_core.errors import EngineFault, StoreError
from psi_service.sessions.segment_file import read

MOST_SEGMENTS = 8
"""A longer chain is written as one base after its session."""
BASE_PARTS = 8
"""So is one whose later segments have more than the base's rows divided by this."""


class Link(NamedTuple):
    """One segment of a chain: its file, the SHA-256 of it, the rows in it (items, and what labels need)."""

    file: str
    file_hash: bytes
    rows: int


Chain = tuple[Link, ...]


def chain_of(db: sqlite_utils.Database, generation: int) -> Chain:
    """The segments of the generation in this row, base first."""
    rows = db.execute(
        "SELECT file, file_hash, rows FROM generation_segments WHERE generation = ? ORDER BY place",
        (generation,),
    )
    return tuple(Link(*row) for row in rows.fetchall())


def set_chain(db: sqlite_utils.Database, generation: int, chain: Sequence[Link]) -> None:
    """Make these the segments of the generation in this row."""
    db.execute("DELETE FROM generation_segments WHERE generation = ?", (generation,))
    db.conn.executemany(
        "INSERT INTO generation_segments (generation, place, file, file_hash, rows) VALUES (?, ?, ?, ?, ?)",
        [(generation, place, *link) for place, link in enumerate(chain)],
    )


def grown_long(chain: Chain) -> bool:
    """Whether reading a chain has come to cost more than writing it as one base."""
    return len(chain) > MOST_SEGMENTS or sum(link.rows for link in chain[1:]) * BASE_PARTS > chain[0].rows


class ChainReader:
    """Puts generations together; what two of them share is read once. One thread at a time."""

    def __init__(self, folder: Path, data_key: bytes) -> None:
        self._folder = folder
        self._data_key = data_key
        self._read: dict[Chain, Generation] = {}

    def read(self, statement: KeyStatement, name: GenerationName, chain: Chain) -> Generation:
        """One generation, every file checked by its hash, and all of it by the name that the record states.

        Raises StoreError when a file is missing or changed, or the files come to another generation.
        """
        if not chain:
            raise StoreError("the cache has no files")
        try:
            found = self._put_together(statement, chain)
        except EngineFault as fault:
            raise StoreError(f"the cache {self._folder / chain[-1].file} is damaged: {fault}") from fault
        if found.name != name:
            raise StoreError(
                f"the cache {self._folder / chain[-1].file} is not the one that the record names"
            )
        return found

    def _put_together(self, statement: KeyStatement, chain: Chain) -> Generation:
        start = max((n for n in range(len(chain) + 1) if chain[:n] in self._read), default=0)
        found = self._read.get(chain[:start])
        for at in range(start, len(chain)):
            segment = read(self._folder, chain[at].file, self._data_key, chain[at].file_hash)
            found = Generation.based_on(statement, segment) if found is None else found.after(segment)
            self._read[chain[: at + 1]] = found
        if found is None:
            raise StoreError("the cache has no files")
        return found
