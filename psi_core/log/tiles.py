"""The tlog-tiles layout (c2sp.org/tlog-tiles v0.1.0): paths, hash tiles, entry bundles.

    checkpoint
    tile/<L>/<N>[.p/<W>]          256 hashes of tree level 8 * L from position 256 * N on, or W of them
    tile/entries/<N>[.p/<W>]      the entries themselves, each u16be length || data

N is written in groups of three digits, all but the last with an x before them: 1234067 is x001/x234/067.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from psi_core.errors import InvalidText
from psi_core.log.entry import MAX_ENTRY
from psi_core.log.tree import HASH_LENGTH, MAX_SIZE, ReadNode

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_BUNDLE = TILE_WIDTH * (2 + MAX_ENTRY)
MAX_TILE_LEVEL = 63

ReadEntry = Callable[[int], bytes]


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of hash tile `index` at tile level `level` with `width` hashes (256: a full tile)."""
    if not 0 <= level <= MAX_TILE_LEVEL:
        raise InvalidText(f"a tile's level lies outside 0 .. {MAX_TILE_LEVEL}")
    return f"tile/{level}/{_path(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of entry bundle `index` with `width` entries (256: a full bundle)."""
    return f"tile/entries/{_path(index, width)}"


def tiles_of(level: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (index, width) of every tile at `level` of a tree of `size` leaves; bundles go like level 0."""
    full, rest = divmod(size >> (TILE_HEIGHT * level), TILE_WIDTH)
    for index in range(full):
        yield index, TILE_WIDTH
    if rest:
        yield full, rest


def levels_of(size: int) -> int:
    """Return the number of tile levels of a tree of `size` leaves: none when empty, 2 from 256 leaves on."""
    return (size.bit_length() + TILE_HEIGHT - 1) // TILE_HEIGHT


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return 1 to 256 entries as one bundle; raises InvalidText for one longer than 65,535 bytes."""
    _check_width(len(entries))
    if any(len(entry) > MAX_ENTRY for entry in entries):
        raise InvalidText(f"an entry is longer than {MAX_ENTRY} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> list[bytes]:
    """Return the 1 to 256 entries of a bundle; raises InvalidText when it is cut or too long."""
    if len(data) > MAX_BUNDLE:
        raise InvalidText("an entry bundle is longer than 256 entries can be")
    entries: list[bytes] = []
    offset = 0
    while offset < len(data):
        end = offset + 2 + int.from_bytes(data[offset : offset + 2], "big")
        if end > len(data):
            raise InvalidText("an entry bundle ends in the middle of an entry")
        entries.append(data[offset + 2 : end])
        if len(entries) > TILE_WIDTH:
            raise InvalidText(f"an entry bundle has more than {TILE_WIDTH} entries")
        offset = end
    _check_width(len(entries))
    return entries


def decode_tile(data: bytes, width: int) -> list[bytes]:
    """Return the `width` hashes (32 bytes each) of a hash tile; raises InvalidText for any other length."""
    _check_width(width)
    if len(data) != HASH_LENGTH * width:
        raise InvalidText(f"a tile of {width} hashes has {len(data)} bytes instead of {HASH_LENGTH * width}")
    return [data[start : start + HASH_LENGTH] for start in range(0, len(data), HASH_LENGTH)]


def layout(size: int, read_node: ReadNode, read_entry: ReadEntry) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of every bundle and tile of a log of `size` entries, the checkpoint apart.

    `read_node(level, position)` and `read_entry(position)` are asked in rising order; one file is in
    memory at a time (a bundle has at most 16 MiB). Partial tiles are those of this size only.
    """
    for index, width in tiles_of(0, size):
        start = index * TILE_WIDTH
        yield entries_path(index, width), encode_bundle([read_entry(start + each) for each in range(width)])
    for level in range(levels_of(size)):
        for index, width in tiles_of(level, size):
            start = index * TILE_WIDTH
            hashes = (read_node(TILE_HEIGHT * level, start + each) for each in range(width))
            yield tile_path(level, index, width), b"".join(hashes)


def _path(index: int, width: int) -> str:
    if not 0 <= index <= MAX_SIZE:
        raise InvalidText("a tile's index lies outside 0 .. 2^63 - 1")
    _check_width(width)
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    path = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def _check_width(width: int) -> None:
    if not 1 <= width <= TILE_WIDTH:
        raise InvalidText(f"a tile or bundle has {width} places instead of 1 to {TILE_WIDTH}")
