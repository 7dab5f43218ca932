"""Buffers in a file without a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from psi_core.errors import StoreError
from psi_service.sessions.mapped import Mapped


def test_parts_come_back_and_no_file_is_seen(tmp_path: Path) -> None:
    buffers = (b"abc", b"", bytes(range(256)) * 300, memoryview(b"xyz"))
    mapped = Mapped(tmp_path, buffers)
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        assert [bytes(part) for part in mapped.parts] == [bytes(each) for each in buffers]
        mapped.release()
    assert all(part.readonly for part in mapped.parts)


def test_a_part_outlives_the_file_and_the_rest(tmp_path: Path) -> None:
    (part,) = Mapped(tmp_path, (b"abc",)).parts
    assert bytes(part) == b"abc"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        Mapped(tmp_path / "missing", (b"abc",))
