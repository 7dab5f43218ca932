"""native/psi_native.pyi says what the built module has: names, parameters, classes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("psi_native", reason="built by `make` where a Rust toolchain is found")

ROOT = Path(__file__).parents[3]


def test_the_stub_is_the_module(tmp_path: Path) -> None:
    # maturin wraps the library in a package of the same name, which is all that is imported.
    wrapped = tmp_path / "allowlist"
    wrapped.write_text("psi_native.psi_native\npsi_native.__all__\n")
    command = [sys.executable, "-m", "mypy.stubtest", "psi_native", "--allowlist", str(wrapped)]
    # @final says more: none of its classes can be a base.
    command.append("--ignore-disjoint-bases")
    # Away from the repository, whose mypy settings are for other code.
    found = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "native")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
