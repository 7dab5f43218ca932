"""A spot check's challenge, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, print_line


def print_challenge(console: Console, made: Mapping[str, Any]) -> None:
    """What is drawn, and where the challenge is."""
    drawn = counted(len(made["positions"]), "leaf", "leaves")
    print_line(
        console,
        f"{drawn} of {made['leaves']:,} of {made['match_key']}, entry {made['entry']} of {made['lab']}",
    )
    print_line(console, f"nonce {made['nonce']}")
    print_line(console, f"challenge in {made['file']}: hand it to the lab, and keep it")


def print_check(console: Console, found: Mapping[str, Any]) -> None:
    """What holds, in words; everything else has raised before."""
    drawn = counted(found["drawn"], "leaf", "leaves")
    witnesses = " and ".join(found["witnesses"])
    print_line(
        console, f"holds: {drawn} of {found['leaves']:,} of {found['match_key']}, as the challenge draws them"
    )
    print_line(
        console, f"  drawn by a checkpoint of {found['log']} that {witnesses} cosigned, and your nonce"
    )
    print_line(console, f"  committed to in entry {found['entry']}, used from entry {found['used']} on")
    print_line(console, "  every leaf leads to the commitment")
    if found["dummies"] or found["items"]:
        print_line(
            console, f"  shown: {counted(found['dummies'], 'dummy', 'dummies')}, {found['items']} others"
        )
    print_line(console, f"  {found['lab']} signed on {found['created']}: {found['says']}")
