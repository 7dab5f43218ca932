"""What the demo prints of each step; tables and lines look as those of `psi` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from psi_client.cli.show.matches import print_rows

SHOWN = 10

Rows = Sequence[Mapping[str, Any]]


def print_step(console: Console, name: str, *lines: Sequence[str]) -> None:
    """One step: its name once, then each line's parts in columns, as wide as the widest of this step."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, parts in enumerate(lines):
        cells = "   ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True))
        head = Text(f"  {name if number == 0 else '':<12}", style="bold")
        console.print(head.append(cells.rstrip(), style="not bold"), soft_wrap=True)


def print_some(console: Console, rows: Rows) -> None:
    """One actor of each way in which actors matched, at most ten, in the order in which `psi matches` has them."""
    ways: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for row in rows:
        ways.setdefault((row["strength"], *row["matched"]), row)
    some = list(ways.values())[:SHOWN]
    print_rows(console, some, peers=False)
    if len(some) < len(rows):
        console.print("...")
