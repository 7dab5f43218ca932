"""The report of an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, print_line, print_table

SHOWN = 20


def print_import(console: Console, report: Mapping[str, Any]) -> None:
    """What was kept, then the refused rows: where and why."""
    parts = [
        report["file"],
        f"{counted(report['actors'], 'actor')} ({report['new_actors']:,} new)",
        f"{counted(report['indicators'], 'indicator')} (and {report['derived']:,} derived)",
        f"{counted(report['refused'], 'row')} refused",
    ]
    if report["state"] == "refused":
        parts = [report["file"], "nothing kept", *parts[3:]]
    print_line(console, "   ".join(parts))
    if report["ignored_columns"]:
        print_line(console, f"columns passed over: {', '.join(report['ignored_columns'])}", style="yellow")
    refusals = report["refusals"]
    if refusals:
        rows = [
            (refusal["file"], str(refusal["line"]), refusal["column"], refusal["kind"], refusal["reason"])
            for refusal in refusals[:SHOWN]
        ]
        print_table(console, ("file", "line", "column", "kind", "reason"), rows, wrap=("reason",))
    _print_rest(console, report)


def _print_rest(console: Console, report: Mapping[str, Any]) -> None:
    listed, written = len(report["refusals"]), report.get("refused_file")
    if written is not None:
        print_line(console, f"refused rows are in {written}")
    elif listed > SHOWN:
        print_line(console, f"... and {listed - SHOWN:,} more: --refused FILE writes them all", style="dim")
    if report["more_refusals"]:
        print_line(console, f"The node names the first {listed:,} faults; there are more.", style="yellow")
