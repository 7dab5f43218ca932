"""The tree over an export's entries, computed from them, and the hash tiles held against it."""

from __future__ import annotations

from psi_client.audit.facts import Faults
from psi_client.audit.folder import LogFolder
from psi_core.errors import InvalidText, NotFound
from psi_core.log import tree
from psi_core.log.tiles import TILE_HEIGHT, TILE_WIDTH, tile_path
from psi_core.log.tree import HASH_LENGTH


class TreeCheck:
    """Takes a log's entries in order. Keeps one hash a tree level and one open tile a tile level.

    `altered`: entries whose hash is not the one in the leaf tile. `tiles`: tiles that are missing or differ.
    """

    def __init__(self, folder: LogFolder) -> None:
        self._folder = folder
        self._pending: dict[int, bytes] = {}
        self._open: list[list[bytes]] = []
        self.size = 0
        self.altered = Faults()
        self.tiles = Faults()

    def append(self, entry: bytes) -> None:
        """Take the next entry."""
        nodes = tree.appended(self.size, tree.leaf_hash(entry), self._read)
        self.size += 1
        for level, position, value in nodes:
            # Left children wait for their siblings; they are also what the root is made of.
            if position % 2 == 0:
                self._pending[level] = value
            if level % TILE_HEIGHT == 0:
                self._into_tile(level // TILE_HEIGHT, position, value)

    def finish(self) -> bytes:
        """Check the partial tiles of this size; returns the root over all entries taken, 32 bytes."""
        for level, hashes in enumerate(self._open):
            if hashes:
                self._compare(level, (self.size >> (TILE_HEIGHT * level)) // TILE_WIDTH, hashes)
        return tree.root(self.size, self._read)

    def _read(self, level: int, _position: int) -> bytes:
        return self._pending[level]

    def _into_tile(self, level: int, position: int, value: bytes) -> None:
        if level == len(self._open):
            self._open.append([])
        hashes = self._open[level]
        hashes.append(value)
        if len(hashes) == TILE_WIDTH:
            self._compare(level, position // TILE_WIDTH, hashes)
            hashes.clear()

    def _compare(self, level: int, index: int, hashes: list[bytes]) -> None:
        expected = b"".join(hashes)
        path = tile_path(level, index, len(hashes))
        try:
            found = self._folder.tile(level, index, len(hashes))
        except (NotFound, InvalidText) as error:
            self.tiles.add(str(error))
            return
        if found == expected:
            return
        self.tiles.add(f"{path} is not the tile of these entries")
        if level == 0 and len(found) == len(expected):
            for place in range(len(hashes)):
                if found[place * HASH_LENGTH : (place + 1) * HASH_LENGTH] != hashes[place]:
                    at = index * TILE_WIDTH + place
                    self.altered.add(f"entry {at} does not have the hash that {path} gives it", at)
