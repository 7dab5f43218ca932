"""Buffers in a file without a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from psi_core.errors import StoreError
from psi_service.sessions.mapped import Mapped


def test_parts_come_back_and_no_file_is_seen(tmp_path: Path) -> None:
    with Mapped(tmp_path) as mapped:
        numbers = [
            mapped.add(b"abc", b"de"),
            mapped.add(),
            mapped.add(bytes(range(256)) * 300, memoryview(b"xyz")),
        ]
        assert list(tmp_path.iterdir()) == []
    expected = [b"abcde", b"", bytes(range(256)) * 300 + b"xyz"]
    for _ in range(2):
        parts = [mapped.part(number) for number in numbers]
        assert [bytes(part) for part in parts] == expected
        assert all(part.readonly for part in parts)
        mapped.release()


def test_a_part_outlives_the_file_and_the_rest(tmp_path: Path) -> None:
    with Mapped(tmp_path) as mapped:
        number = mapped.add(b"abc")
    part = mapped.part(number)
    del mapped
    assert bytes(part) == b"abc"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        Mapped(tmp_path / "missing")
