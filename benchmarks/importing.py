"""`import`: rows of mixed kinds from a CSV file into a new store."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.children import answer_of
from benchmarks.figures import Figures
from benchmarks.made_up import write_rows
from psi_core.errors import EngineFault


def measure_import(rows: int, processes: int, rounds: int) -> Figures:
    """Import and baseline take turns, `rounds` times; every figure is the median of its rounds."""
    ours, plain = [], []
    with TemporaryDirectory(prefix="psi-benchmark-") as temporary:
        folder = Path(temporary)
        source = folder / "rows.csv"
        write_rows(source, rows)
        for number in range(rounds):
            plain.append(answer_of("benchmarks.csv_sqlite", source, folder / f"plain-{number}.db"))
            ours.append(answer_of("benchmarks.one_import", source, folder / f"store-{number}", processes))
        size = source.stat().st_size
    last = ours[-1]
    if last["kept"] != rows:
        raise EngineFault(f"{last['refused']} made-up rows were refused: the figures would mean nothing")
    return Figures(
        command="import",
        items=rows,
        seconds=median([each["seconds"] for each in ours]),
        bytes=last["bytes"],
        peak_rss_bytes=max(each["peak_rss_bytes"] for each in ours),
        baselines={"csv_sqlite": median([each["seconds"] for each in plain])},
        cpu_seconds=median([each["cpu_seconds"] for each in ours]),
        baseline_cpu_seconds={"csv_sqlite": median([each["cpu_seconds"] for each in plain])},
        details={
            "rounds": rounds,
            "processes": processes,
            "file_bytes": size,
            "derived": last["derived"],
            "actors": last["actors"],
            "native_core": last["native_core"],
        },
    )
