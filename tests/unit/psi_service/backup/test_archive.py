"""What lies inside the seal is read as strictly as if it were not sealed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from psi_core.errors import VerificationError
from psi_service.backup.archive import NEEDED, Held, Manifest, read_archive, write_archive
from psi_service.backup.sealed_file import Sealer
from psi_service.backup.secret import KEY_FILE, BackupSecret

SECRET = BackupSecret(KEY_FILE, b"k" * 32)


def manifest(*names: str, size: int = 3, **changed: Any) -> Manifest:
    files = tuple(Held(name=name, size=size) for name in names)
    values = {"lab": "lab-a.example", "made": "2026-11-24T09:30:00Z", "version": "1", "files": files}
    return Manifest.model_construct(v=1, **{**values, **changed})


def raw(*parts: bytes) -> io.BytesIO:
    file = io.BytesIO()
    sealer = Sealer(file, SECRET)
    for part in parts:
        sealer.write(part)
    sealer.close()
    return io.BytesIO(file.getvalue())


def prefixed(text: bytes) -> bytes:
    return len(text).to_bytes(4, "big") + text


def test_files_come_back_as_they_were(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abcdef")
    archive = io.BytesIO()
    names = (*NEEDED, "head")
    write_archive(archive, SECRET, manifest(*names, size=6), dict.fromkeys(names, source))
    archive.seek(0)
    target = tmp_path / "target"
    target.mkdir()
    assert read_archive(archive, SECRET, target) == manifest(*names, size=6)
    assert {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()} == set(names)
    assert all((target / name).read_bytes() == b"abcdef" for name in names)


def test_a_file_that_grows_is_cut_and_one_that_shrinks_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abcdef")
    names = dict.fromkeys(NEEDED, source)
    archive = io.BytesIO()
    write_archive(archive, SECRET, manifest(*NEEDED, size=4), names)
    archive.seek(0)
    (tmp_path / "target").mkdir()
    read_archive(archive, SECRET, tmp_path / "target")
    assert (tmp_path / "target" / "card").read_bytes() == b"abcd"
    with pytest.raises(VerificationError, match="shrank"):
        write_archive(io.BytesIO(), SECRET, manifest(*NEEDED, size=7), names)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"\x00\x00",),
        (b"\x7f\xff\xff\xff",),
        (prefixed(b"{}"),),
        (prefixed(b'{"v":2}'),),
        (prefixed(manifest(*NEEDED[1:]).model_dump_json().encode()), b"abc" * len(NEEDED)),
        (prefixed(manifest(*NEEDED, "../evil").model_dump_json().encode()), b"abc" * (len(NEEDED) + 1)),
        (prefixed(manifest(*NEEDED, "/etc/passwd").model_dump_json().encode()), b"abc" * (len(NEEDED) + 1)),
        (prefixed(manifest(*NEEDED, NEEDED[0]).model_dump_json().encode()), b"abc" * (len(NEEDED) + 1)),
        (prefixed(manifest(*NEEDED).model_dump_json().encode()), b"abc" * len(NEEDED) + b"more"),
        (prefixed(manifest(*NEEDED).model_dump_json().encode()), b"abc" * (len(NEEDED) - 1)),
    ],
)
def test_what_is_not_a_nodes_backup_is_refused(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    with pytest.raises(VerificationError):
        read_archive(raw(*parts), SECRET, folder)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["here"]
