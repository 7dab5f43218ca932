"""Parts of a measurement in processes of their own, so that neither memory nor caches of one colour the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def answer_of(module: str, *arguments: object) -> dict[str, Any]:
    """Run `python -m module arguments` to its end and return the JSON object on its last line."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def peak_rss(pid: int | str = "self") -> int:
    """The most memory, in bytes, that a process has had resident; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def family(pid: int) -> list[int]:
    """A process and the children that it has now, whichever of its threads started them."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [pid, *(int(child) for thread in threads for child in (thread / "children").read_text().split())]


def cpu_seconds(pid: int) -> float:
    """What a process has had of the processors, its ended children included; 0 when it has ended."""
    try:
        # After the name in brackets: utime, stime, cutime and cstime are fields 14 to 17 of proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def own_cpu_seconds() -> float:
    """The same for this process."""
    return cpu_seconds(os.getpid())
