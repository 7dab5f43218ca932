"""Baseline: the same file read with csv.DictReader and inserted as it is with sqlite-utils.

Arguments: FILE DATABASE.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

from sqlite_utils import Database


def main(source: Path, target: Path) -> None:
    """Time it; the database must not exist."""
    begun, cpu = time.perf_counter(), time.process_time()
    database = Database(target)
    with source.open(encoding="utf-8", newline="") as file:
        database.table("rows").insert_all(csv.DictReader(file))
    database.close()
    print(json.dumps({"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - cpu}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
