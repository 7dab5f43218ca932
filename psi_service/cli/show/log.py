"""Entries of the log, and a copy of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from psi_client.cli.plain import plain
from psi_client.cli.show.table import counted, minute, print_line, print_table

SHOWN_CHARACTERS = 40


def print_export(console: Console, made: Mapping[str, Any]) -> None:
    """Where the copy is, and how much there is."""
    words = f"{made['origin']}: {counted(made['size'], 'entry', 'entries')}, {counted(made['files'], 'file')}"
    print_line(console, f"{words} in {made['directory']}")


def print_proof(console: Console, made: Mapping[str, Any]) -> None:
    """Where the proof is, and what checks it."""
    print_line(console, f"entry {made['position']} proves itself in {made['file']}: psi audit proof")


def print_entries(console: Console, entries: Sequence[Mapping[str, Any]]) -> None:
    """Entries, one a line."""
    rows = [
        (
            str(entry["position"]),
            minute(entry["time"]),
            entry["kind"],
            entry["peer"],
            ", ".join(_parts(entry["body"])),
        )
        for entry in entries
    ]
    print_table(console, ("entry", "time (UTC)", "kind", "peer", "what"), rows, wrap=("what",))


def _parts(body: Mapping[str, Any]) -> Iterator[str]:
    """The body's short values; of a note its type, of the rest the name alone."""
    for name, value in body.items():
        if isinstance(value, str):
            first = value.partition("\n")[0]
            yield f"{name} {plain(first, SHOWN_CHARACTERS)}"
        elif isinstance(value, (bool, int)):
            yield f"{name} {value}"
        else:
            yield name
