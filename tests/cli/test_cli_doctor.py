"""`psi-node doctor`: lines with their mend, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import lines, run_psi_node
from tests.two_nodes import free_port


def made(folder: Path) -> Path:
    ports = ("--peer-listen", f"127.0.0.1:{free_port()}", "--admin-listen", f"127.0.0.1:{free_port()}")
    result = run_psi_node("init", "lab-a.example", *ports, "--data", folder)
    assert result.exit_code == 0, result.output
    return folder


def test_a_whole_node_ends_well_and_says_what_to_do_next(tmp_path: Path) -> None:
    data = made(tmp_path / "node")
    result = run_psi_node("doctor", "--data", data)
    assert result.exit_code == 0, result.output
    shown = lines(result.stdout)
    assert any(line.startswith("ok        keys ") for line in shown)
    at = next(number for number, line in enumerate(shown) if line.startswith("warning   peers "))
    assert shown[at + 1].strip() == "Pin the other lab's card: `psi peers add`."


def test_something_broken_is_exit_code_1_and_one_document(tmp_path: Path) -> None:
    data = made(tmp_path / "node")
    (data / "keys").chmod(0o750)
    result = run_psi_node("doctor", "--data", data, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    (keys,) = [each for each in found if each["check"] == "keys"]
    assert keys == {
        "check": "keys",
        "state": "fault",
        "words": f"Others may look into {data / 'keys'} (mode 0750).",
        "mend": f"chmod 700 {data / 'keys'}",
    }
    assert result.stderr.splitlines()[-1].endswith("(code unhealthy)")
