"""An audit's claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, print_line, print_table


def print_report(console: Console, report: Mapping[str, Any]) -> None:
    """Every claim with its state, then how many are in which."""
    claims = report["claims"]
    rows = [
        (claim["state"], claim["logs"], claim["name"], claim["words"], _places(claim)) for claim in claims
    ]
    print_table(
        console,
        ("state", "logs", "claim", "what was found", "entries"),
        rows,
        wrap=("what was found", "entries"),
    )
    states = [claim["state"] for claim in claims]
    parts = [f"{counted(states.count('proven'), 'claim')} proven", f"{states.count('broken')} broken"]
    if "not provable" in states:
        parts.append(f"{states.count('not provable')} not provable")
    print_line(console, ", ".join(parts), style="bold")


def _places(claim: Mapping[str, Any]) -> str:
    """The positions of the entries at fault; with their log where the claim is about two."""
    several = len(claim["logs"]) > 1
    return ", ".join(
        f"{place['log']} {place['position']}" if several else str(place["position"])
        for place in claim["entries"]
    )
