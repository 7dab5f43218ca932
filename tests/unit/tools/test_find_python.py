"""tools/find-python: the first interpreter that will do, or what to do about it, in plain words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "tools" / "find-python"
SHELL_TOOLS = ("sh", "sed", "cat")


def run(home: Path, *, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PATH": str(path), **variables}
    return subprocess.run(
        [str(shutil.which("sh")), str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with a shell and its tools, and nothing named python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in SHELL_TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return folder


def write_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def real_python(path: Path) -> Path:
    """A program that is this very interpreter."""
    return write_program(path, f'exec "{os.path.realpath(sys.executable)}" "$@"')


def pretended(version: str) -> str:
    """A script that answers the probe as a Python of another version would."""
    return f"echo 'it is Python {version}' >&2; exit 1"


def test_an_old_python_is_passed_over(tmp_path: Path, bare: Path) -> None:
    write_program(bare / "python3", pretended("3.10"))
    real_python(bare / "python3.12")
    found = run(tmp_path, path=bare)
    assert found.returncode == 0
    assert Path(found.stdout.strip()).samefile(os.path.realpath(sys.executable))


def test_pyenv_is_searched_when_its_shim_leads_nowhere(tmp_path: Path, bare: Path) -> None:
    write_program(bare / "python3", "echo 'pyenv: python3: command not found' >&2; exit 127")
    real_python(tmp_path / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3")
    found = run(tmp_path, path=bare)
    assert found.returncode == 0
    assert Path(found.stdout.strip()).samefile(os.path.realpath(sys.executable))


def test_a_named_python_is_the_only_one_asked(tmp_path: Path, bare: Path) -> None:
    real_python(bare / "python3")
    mine = write_program(tmp_path / "mine" / "python", pretended("3.14"))
    found = run(tmp_path, path=bare, PYTHON=str(mine))
    assert found.returncode == 1
    assert found.stdout == ""
    assert f"{mine}: it is Python 3.14" in found.stderr


def test_a_bare_name_is_looked_up_in_pyenv_too(tmp_path: Path, bare: Path) -> None:
    real_python(tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3.13")
    assert run(tmp_path, path=bare, PYTHON="python3.13").returncode == 0


def test_without_one_it_says_how_to_get_one(tmp_path: Path, bare: Path) -> None:
    missing = run(tmp_path, path=bare, PYTHON="python3.12")
    assert missing.returncode == 1
    assert "python3.12: there is no such program" in missing.stderr
    assert "apt-get install python3" in missing.stderr
    assert "make PYTHON=" in missing.stderr


def test_this_interpreter_will_do(tmp_path: Path) -> None:
    found = run(tmp_path, path=Path("/usr/bin"), PYTHON=os.path.realpath(sys.executable))
    assert found.returncode == 0, found.stderr
