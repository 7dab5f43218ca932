"""What drawn leaves stand for: for the lab's own screen, and for an auditor who stands before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, print_line, print_table

WARNING = (
    "--disclose hands out fingerprints. Whoever holds the consortium key, as the other lab does, can test guesses "
    "against them, and sees which leaves are no dummies. The log will say that it was done. Go on?"
)


def print_opened(console: Console, opened: Mapping[str, Any]) -> None:
    """Each drawn leaf, then what the auditor gets."""
    drawn = counted(len(opened["drawn"]), "leaf", "leaves")
    print_line(
        console,
        f"{drawn} of {opened['leaves']:,} of {opened['match_key']}, committed to in entry {opened['entry']} "
        f"for {opened['peer']}",
    )
    rows = [
        (str(each["position"]), "dummy" if each["dummy"] else "fingerprint", ", ".join(each["actors"]))
        for each in opened["drawn"]
    ]
    print_table(console, ("leaf", "is a", "of your actor"), rows, wrap=("of your actor",))
    taken = "hashes, paths, salts, fingerprints" if opened["disclosed"] else "positions, hashes, paths"
    print_line(console, f"{opened['file']} holds {taken} and your signed statement: that is for the auditor")
