"""The tree over an export's entries, computed from them, and the hash tiles held against it."""

from __future__ import annotations

from collections.abc import Sequence

from psi_client.audit.facts import Faults
from psi_client.audit.folder import LogFolder
from psi_core import native_core
from psi_core.errors import InvalidText, NotFound
from psi_core.log import tree
from psi_core.log.tiles import TILE_HEIGHT, TILE_WIDTH, decode_tile, levels_of, tile_path
from psi_core.log.tree import HASH_LENGTH
from psi_core.log.withheld import WITHHELD


class TreeCheck:
    """Takes a log's entries in order, a tile's at a time. Keeps the hash of every complete subtree, 64 bytes an entry.

    `altered`: entries whose hash is not the one in the leaf tile. `tiles`: tiles that are missing or differ.
    `withheld`: entries of which the hash alone is shown.
    """

    def __init__(self, folder: LogFolder) -> None:
        self._folder = folder
        self._levels: list[bytearray] = []
        self.size = 0
        self.altered = Faults()
        self.tiles = Faults()
        self.withheld = 0

    def take(self, entries: Sequence[bytes]) -> None:
        """Take the next tile's entries: 256, or fewer at the end of the log."""
        leaves = tree.leaf_hashes(entries)
        self.size += len(entries)
        if WITHHELD in entries:
            leaves = self._with_withheld(entries, leaves)
        for level, hashes in enumerate(tree.subtrees(leaves)):
            self._add(level, hashes)
        if len(entries) == TILE_WIDTH:
            self._grow()

    def finish(self) -> bytes:
        """Check the partial tiles of this size; returns the root over all entries taken, 32 bytes. The last call."""
        for level in range(levels_of(self.size)):
            index, width = divmod(self.size >> (TILE_HEIGHT * level), TILE_WIDTH)
            if width:
                self._compare(level, index, width)
        return self.root_at(self.size)

    def _with_withheld(self, entries: Sequence[bytes], leaves: bytes) -> bytes:
        """The leaf hashes, those of withheld entries from the tile: they must lead to the signed root like others."""
        width = len(entries)
        try:
            shown = decode_tile(self._folder.tile(0, (self.size - 1) // TILE_WIDTH, width), width)
        except (NotFound, InvalidText):
            return leaves
        self.withheld += entries.count(WITHHELD)
        pairs = zip(entries, native_core.cut(leaves), shown, strict=True)
        return b"".join(given if entry == WITHHELD else own for entry, own, given in pairs)

    def _grow(self) -> None:
        """The subtrees that the newest whole tile completes, and the tiles that these fill."""
        level, position = TILE_HEIGHT, self.size // TILE_WIDTH - 1
        self._compare(0, position, TILE_WIDTH)
        while position % 2:
            self._add(level + 1, tree.node_hash(self._read(level, position - 1), self._read(level, position)))
            level, position = level + 1, position // 2
            if level % TILE_HEIGHT == 0 and position % TILE_WIDTH == TILE_WIDTH - 1:
                self._compare(level // TILE_HEIGHT, position // TILE_WIDTH, TILE_WIDTH)

    def _add(self, level: int, hashes: bytes) -> None:
        if level == len(self._levels):
            self._levels.append(bytearray())
        self._levels[level] += hashes

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` entries, 32 bytes; `size` is at most that of the entries taken."""
        return tree.root(size, self._read)

    def _read(self, level: int, position: int) -> bytes:
        return bytes(self._levels[level][position * HASH_LENGTH : (position + 1) * HASH_LENGTH])

    def _compare(self, level: int, index: int, width: int) -> None:
        start = index * TILE_WIDTH * HASH_LENGTH
        expected = bytes(self._levels[TILE_HEIGHT * level][start : start + width * HASH_LENGTH])
        path = tile_path(level, index, width)
        try:
            found = self._folder.tile(level, index, width)
        except (NotFound, InvalidText) as error:
            self.tiles.add(str(error))
            return
        if found == expected:
            return
        self.tiles.add(f"{path} is not the tile of these entries")
        if level == 0 and len(found) == len(expected):
            for place in range(width):
                hash_of = slice(place * HASH_LENGTH, (place + 1) * HASH_LENGTH)
                if found[hash_of] != expected[hash_of]:
                    at = index * TILE_WIDTH + place
                    self.altered.add(f"entry {at} does not have the hash that {path} gives it", at)
