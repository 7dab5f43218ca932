"""The tlog-tiles layout against a public log, and bundles that are cut or overlong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from psi_core.errors import InvalidText
from psi_core.log import tiles, tree
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import Verifier

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "tlog-tiles-log.json").read_text())
SHARED = Path(__file__).parents[5] / "shared" / "vectors" / "tlog-tiles-log"
VERIFIER = Verifier.parse(VECTORS["verifier"])
ENTRIES = [bytes.fromhex(each) for each in VECTORS["entries"]]

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/vectors/tlog-tiles-log is not there")


class Log:
    """A log in memory that holds nothing but complete subtrees and entries, as the store does."""

    def __init__(self, entries: list[bytes]) -> None:
        self.entries: list[bytes] = []
        self.nodes: dict[tuple[int, int], bytes] = {}
        for entry in entries:
            for level, position, value in tree.appended(len(self.entries), tree.leaf_hash(entry), self.read):
                self.nodes[level, position] = value
            self.entries.append(entry)

    def read(self, level: int, position: int) -> bytes:
        return self.nodes[level, position]

    def layout(self, size: int) -> dict[str, bytes]:
        files = list(tiles.layout(size, self.read, self.entries.__getitem__))
        assert len(dict(files)) == len(files)
        return dict(files)


def test_transcribed_log_has_its_published_roots() -> None:
    log = Log(ENTRIES)
    for size, note in VECTORS["checkpoints"].items():
        checkpoint = Checkpoint.open(note.encode(), VERIFIER)
        assert checkpoint.size == int(size)
        assert checkpoint.root == tree.root(checkpoint.size, log.read)
        assert checkpoint.root == tree.root_of([tree.leaf_hash(each) for each in ENTRIES[: int(size)]])


@needs_shared
def test_public_log_is_laid_out_to_its_bytes_at_every_size() -> None:
    log = Log(tiles.decode_bundle((SHARED / "tile/entries/000.p/15").read_bytes()))
    assert log.entries == ENTRIES
    roots = []
    for size in range(16):
        checkpoint = Checkpoint.open((SHARED / f"checkpoint.{size}").read_bytes(), VERIFIER)
        assert (checkpoint.size, checkpoint.root) == (size, tree.root(size, log.read))
        roots.append(checkpoint.root)
        expected = {f"tile/entries/000.p/{size}", f"tile/0/000.p/{size}"} if size else set()
        files = log.layout(size)
        assert set(files) == expected
        for path, content in files.items():
            assert (SHARED / path).read_bytes() == content
    for old in range(16):
        for new in range(old, 16):
            proof = tree.consistency_proof(old, new, log.read)
            tree.verify_consistency(old, new, roots[old], roots[new], proof)


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (0, 1, "tile/0/000.p/1"),
        (7, 255, "tile/0/007.p/255"),
        (999, 256, "tile/0/999"),
        (1000, 256, "tile/0/x001/000"),
        (1234067, 256, "tile/0/x001/x234/067"),
        (1234067, 8, "tile/0/x001/x234/067.p/8"),
        (123456789, 256, "tile/0/x123/x456/789"),
    ],
)
def test_paths(index: int, width: int, path: str) -> None:
    assert tiles.tile_path(0, index, width) == path
    assert tiles.entries_path(index, width) == path.replace("tile/0/", "tile/entries/")


@pytest.mark.parametrize(
    ("level", "index", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_paths_that_do_not_exist(level: int, index: int, width: int) -> None:
    with pytest.raises(InvalidText):
        tiles.tile_path(level, index, width)


def test_layout_of_a_log_with_three_tile_levels() -> None:
    size = 256 * 256 + 256 + 3
    asked = []

    def read_node(level: int, position: int) -> bytes:
        asked.append((level, position))
        assert (position + 1) << level <= size, "a node that is not complete was asked for"
        return level.to_bytes(16, "big") + position.to_bytes(16, "big")

    names = {path: len(content) for path, content in tiles.layout(size, read_node, lambda at: b"%d" % at)}
    assert sum(path.startswith("tile/entries/") for path in names) == 258
    assert names["tile/0/256"] == 32 * 256
    assert names["tile/0/257.p/3"] == 32 * 3
    assert names["tile/1/000"] == 32 * 256
    assert names["tile/1/001.p/1"] == 32
    assert names["tile/2/000.p/1"] == 32
    assert len(names) == 258 + 258 + 2 + 1
    assert asked == sorted(asked)


@pytest.mark.parametrize(("size", "levels"), [(0, 0), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3)])
def test_levels(size: int, levels: int) -> None:
    assert tiles.levels_of(size) == levels
    assert {level for level in range(8) if list(tiles.tiles_of(level, size))} == set(range(levels))


def test_bundle_is_u16_length_and_data() -> None:
    entries = [b"", b"a", b"\0" * 65_535]
    data = tiles.encode_bundle(entries)
    assert data[:5] == b"\0\0\0\x01a"
    assert tiles.decode_bundle(data) == entries


def test_bundles_that_are_cut_or_overlong() -> None:
    data = tiles.encode_bundle([b"abc", b"defg"])
    assert len(tiles.decode_bundle(data[:5])) == 1
    for cut in {*range(len(data))} - {5}:
        with pytest.raises(InvalidText):
            tiles.decode_bundle(data[:cut])
    for wrong in [data + b"\0", data + b"\0\x01", b"\0\0" * 257, bytes(tiles.MAX_BUNDLE + 1)]:
        with pytest.raises(InvalidText):
            tiles.decode_bundle(wrong)
    assert len(tiles.decode_bundle(b"\0\0" * 256)) == 256


def test_bundles_that_cannot_be_made() -> None:
    for entries in [[], [b""] * 257, [b"\0" * 65_536]]:
        with pytest.raises(InvalidText):
            tiles.encode_bundle(entries)


def test_hash_tiles_have_one_length() -> None:
    assert tiles.decode_tile(b"a" * 32 + b"b" * 32, 2) == [b"a" * 32, b"b" * 32]
    for data, width in [(b"a" * 63, 2), (b"a" * 65, 2), (b"a" * 32, 2), (b"", 0), (b"a" * 32 * 257, 257)]:
        with pytest.raises(InvalidText):
            tiles.decode_tile(data, width)
