"""tools/build-native: it builds, or says in one line why not; it never fails an install."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "tools" / "build-native"


def _executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _run(folder: Path, *, cargo: str | None, pip: str = "exit 0") -> subprocess.CompletedProcess[str]:
    """Run it with a made-up cargo of that version (None: there is none) and a made-up pip."""
    tools = folder / "bin"
    tools.mkdir()
    for name in ("sh", "sed", "cut", "sort", "head", "touch", "dirname"):
        (tools / name).symlink_to(
            next(Path(at, name) for at in ("/usr/bin", "/bin") if Path(at, name).exists())
        )
    if cargo is not None:
        _executable(tools / "cargo", f"echo 'cargo {cargo} (0123456 2026-01-01)'")
    _executable(folder / "venv/bin/python", pip)
    return subprocess.run(
        ["sh", str(SCRIPT), str(folder / "venv")],
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_built(tmp_path: Path) -> None:
    ended = _run(tmp_path, cargo="1.97.1")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "native core: built\n", "")
    assert (tmp_path / "venv/.native").exists()


@pytest.mark.parametrize(
    ("cargo", "pip", "words"),
    [
        (None, "exit 0", "cargo is missing"),
        ("1.9.0", "exit 0", "Rust is 1.9.0 and must be"),
        ("1.97.1", "echo no network; exit 1", "native-build.log"),
    ],
    ids=["no cargo", "an old one", "a failed build"],
)
def test_not_built(tmp_path: Path, cargo: str | None, pip: str, words: str) -> None:
    ended = _run(tmp_path, cargo=cargo, pip=pip)
    assert (ended.returncode, ended.stderr) == (0, "")
    (line,) = ended.stdout.splitlines()
    assert line.startswith("native core: not built")
    assert words in line
    assert "make native" in line
    assert not (tmp_path / "venv/.native").exists()
    if "log" in words:
        assert "no network" in (tmp_path / "venv/native-build.log").read_text()
