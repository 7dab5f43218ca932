"""`audit`: an exported log's leaf hashes, tiles, root and earlier roots; claims, JSON and signatures beside them."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.children import answer_of
from benchmarks.figures import Figures


def measure_audit(entries: int, rounds: int) -> Figures:
    """Every figure is the median of its rounds."""
    runs = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="psi-benchmark-") as folder:
            runs.append(answer_of("benchmarks.one_audit", entries, Path(folder) / "export"))
    plain = [run["hash_twice"] for run in runs]
    return Figures(
        command="audit",
        items=entries,
        seconds=median([run["seconds"] for run in runs]),
        bytes=runs[-1]["bytes"],
        peak_rss_bytes=max(run["peak_rss_bytes"] for run in runs),
        baselines={"hash_twice": median([each["seconds"] for each in plain])},
        cpu_seconds=median([run["cpu_seconds"] for run in runs]),
        baseline_cpu_seconds={"hash_twice": median([each["cpu_seconds"] for each in plain])},
        details={"rounds": rounds, **runs[-1]["details"]},
    )
