"""What the doctor found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import print_line

_STYLES = {"ok": "", "warning": "yellow", "fault": "bold red"}
_STATE, _CHECK = 7, 11
_MARGIN = " " * (_STATE + _CHECK + 6)


def print_findings(console: Console, findings: Sequence[Mapping[str, Any]]) -> None:
    """A line for each check, and under those that are not in order what mends them."""
    for each in findings:
        first, *more = each["words"].split("\n")
        words = f"{each['state']:<{_STATE}}   {each['check']:<{_CHECK}}   {first}"
        print_line(console, words, style=_STYLES[each["state"]])
        for line in more:
            print_line(console, f"{_MARGIN}{line}", style=_STYLES[each["state"]])
        if each["mend"]:
            print_line(console, f"{_MARGIN}{each['mend']}", style="dim")
