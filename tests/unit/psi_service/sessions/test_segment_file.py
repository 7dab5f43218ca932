"""Segment files of engine `oprf`: what was written comes back, and nothing else is taken for it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from psi_core.engines.labels import sealed_size
from psi_core.engines.oprf import kept_rows
from psi_core.engines.oprf.heard import Heard
from psi_core.engines.oprf.kept_rows import OUTPUT_BYTES, JoinedRows, PackedRows, PlainRows
from psi_core.engines.oprf.said import Said
from psi_core.engines.oprf.segment import Facts, GenerationName, Segment
from psi_core.errors import EngineFault, StoreError
from psi_service.sessions import segment_file
from psi_service.sessions.segment_file import read, write

KEY = bytes(range(32))
ROWS = 50
ORDER = b"".join(at.to_bytes(4, "little") for at in reversed(range(ROWS)))


@pytest.fixture(autouse=True)
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_file, "_FRAME", 256)
    for module in (segment_file, kept_rows):
        monkeypatch.setattr(module, "ROWS_A_BLOCK", 16)


def segment(before: GenerationName | None = None) -> Segment:
    return Segment(
        Facts(before, os.urandom(32), 1024),
        os.urandom(32 * ROWS),
        os.urandom(9 * ROWS),
        PackedRows(os.urandom(OUTPUT_BYTES * ROWS), ORDER),
        gone=os.urandom(64),
        leaving=b"",
        coming=os.urandom(900),
        orphans=os.urandom(9),
    )


def labelled(*, sends: bool) -> Segment:
    """With what a sender keeps of labels, or a receiver."""
    size, count = 24, 40
    said = Said(size, os.urandom(32), os.urandom(16 * ROWS), os.urandom(64), os.urandom(32))
    places = b"".join((at % 3).to_bytes(4, "little") for at in range(count))
    sealed = PlainRows(os.urandom(sealed_size(size) * count), sealed_size(size))
    heard = Heard(size, os.urandom(9 * count), os.urandom(96), places, sealed)
    return replace(segment(), said=said) if sends else replace(segment(), heard=heard)


def outputs(given: Segment) -> bytes:
    return b"".join(block for _, block in JoinedRows([given.outputs]).blocks())


@pytest.mark.parametrize("before", [None, GenerationName(3, bytes(range(32)))])
def test_what_was_written_comes_back(tmp_path: Path, before: GenerationName | None) -> None:
    given = segment(before)
    name, digest = write(tmp_path / "generations", KEY, given)
    path = tmp_path / "generations" / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = read(path.parent, name, KEY, digest)
    assert found.facts == given.facts
    for part in segment_file.PARTS:
        assert getattr(found, part) == getattr(given, part)
        assert not getattr(given, part) or getattr(given, part) not in path.read_bytes()
    path.unlink()
    assert outputs(found) == outputs(given)  # also when the file has no name any more
    chosen = [49, 0, 16, 15, 17, 0]
    kept = outputs(given)
    rows = [kept[at * OUTPUT_BYTES : (at + 1) * OUTPUT_BYTES] for at in chosen]
    assert JoinedRows([found.outputs]).rows(chosen) == b"".join(rows)


@pytest.mark.parametrize("sends", [True, False])
def test_what_labels_need_comes_back_and_lies_sealed(tmp_path: Path, sends: bool) -> None:
    given = labelled(sends=sends)
    name, digest = write(tmp_path, KEY, given)
    found, data = read(tmp_path, name, KEY, digest), (tmp_path / name).read_bytes()
    assert found.said == given.said
    assert outputs(found) == outputs(given)
    if given.heard is None:
        assert found.heard is None
        assert given.said is not None
        assert given.said.key not in data
        return
    assert found.heard is not None
    assert replace(found.heard, rows=given.heard.rows) == given.heard
    whole = [b"".join(each.rows.block(at) for at in range(3)) for each in (found.heard, given.heard)]
    assert whole[0] == whole[1]
    assert given.heard.tags not in data
    with (tmp_path / name).open("r+b") as file:
        file.seek(len(data) - 10)
        file.write(b"!")
    with pytest.raises(EngineFault, match="damaged"):
        found.heard.rows.block(2)
    with pytest.raises(StoreError, match="not the file"):
        read(tmp_path, name, KEY, digest)


def test_a_file_of_a_version_without_labels_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = segment()
    dumps = segment_file.json.dumps

    def without(head: dict[str, object]) -> str:
        return dumps({key: value for key, value in head.items() if key not in ("said", "heard")})

    monkeypatch.setattr(segment_file.json, "dumps", without)
    name, digest = write(tmp_path, KEY, given)
    found = read(tmp_path, name, KEY, digest)
    assert (found.said, found.heard, outputs(found)) == (None, None, outputs(given))


def test_no_other_file_is_taken_for_it(tmp_path: Path) -> None:
    name, digest = write(tmp_path, KEY, segment())
    whole = (tmp_path / name).read_bytes()
    for changed in (whole[:-1], whole + b"x", b"", whole[:100] + b"!" + whole[101:]):
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(StoreError, match="not the file that the store names"):
            read(tmp_path, name, KEY, digest)
    (tmp_path / name).write_bytes(whole)
    with pytest.raises(StoreError, match="cannot be opened"):
        read(tmp_path, name, bytes(32), digest)
    other = "0" * 32
    (tmp_path / other).write_bytes(whole)
    with pytest.raises(StoreError, match="cannot be opened"):
        read(tmp_path, other, KEY, digest)
    with pytest.raises(StoreError, match="cannot be read"):
        read(tmp_path, "1" * 32, KEY, digest)


def test_outputs_that_change_after_the_file_was_opened_are_no_outputs(tmp_path: Path) -> None:
    name, digest = write(tmp_path, KEY, segment())
    found, path = read(tmp_path, name, KEY, digest), tmp_path / name
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(len(whole) - 10)
        file.write(b"!")
    assert len(found.outputs.block(0)) == 16 * OUTPUT_BYTES
    with pytest.raises(EngineFault, match="damaged"):
        found.outputs.block(3)
    os.truncate(path, len(whole) // 2)
    with pytest.raises(EngineFault, match="damaged"):
        found.outputs.block(2)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        write(tmp_path / "file", KEY, segment())
