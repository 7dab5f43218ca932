"""Bundles that the node keeps, and those that it handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, minute, print_line, print_table


def print_bundles(console: Console, bundles: Sequence[Mapping[str, Any]]) -> None:
    """One a line, in the order of their sessions."""
    if not bundles:
        print_line(
            console, "no bundle is kept: no session ran with oprf, or the agreement keeps none (bundle_days)"
        )
        return
    rows = [
        (
            each["session_id"],
            each["lane"],
            each["match_key"],
            each["peer"],
            each["items"],
            each["bytes"],
            minute(each["kept_until"]),
        )
        for each in bundles
    ]
    headings = ("session", "lane", "match key", "peer", "answers", "bytes", "kept until (UTC)")
    print_table(console, headings, rows)


def print_exported(console: Console, made: Mapping[str, Any]) -> None:
    """How much was written, and what it is for."""
    words = f"{counted(len(made['bundles']), 'bundle')}, {made['bytes']:,} bytes, in {made['directory']}"
    print_line(console, f"{words}. They are for the auditor: psi audit verify --bundles")
