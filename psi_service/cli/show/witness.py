"""A witness that was made, or that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, print_line, print_pairs


def print_new_witness(console: Console, made: Mapping[str, Any]) -> None:
    """Its name and key, and what comes next."""
    print_pairs(console, {"witness": made["name"], "key": made["key"]})
    print_line(console, f"next: list the keys of the logs that it watches in {made['logs']}", style="dim")


def print_witnessing(console: Console, running: Mapping[str, Any]) -> None:
    """That it runs, where, and for how many logs."""
    watched = counted(len(running["logs"]), "log")
    print_line(console, f"{running['name']} watches {watched} at {running['address']}")
