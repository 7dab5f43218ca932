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


def print_recovered(console: Console, done: Mapping[str, Any]) -> None:
    """What came back, and what did not."""
    found = counted(done["entries"], "entry", "entries")
    print_line(
        console, f"{found} came back behind the {done['before']:,} that were here: the log may grow again."
    )
    if done["undisclosed"]:
        words = f"{counted(done['undisclosed'], 'entry', 'entries')} of them as hashes alone: nobody had them in plain"
        print_line(console, f"  {words}")
    sessions = counted(done["sessions"], "session")
    print_line(
        console, f"  {sessions} taken back, {counted(done['logged'], 'text')} logged anew; results stay lost"
    )
    if done["withheld"]:
        words = "of peers that were not asked count as spent until their period ends"
        print_line(console, f"  {counted(done['withheld'], 'budget line')} {words}", style="yellow")


def print_renewed(console: Console, done: Mapping[str, Any]) -> None:
    """The next log, what became of the one before, and what the peers have to do now."""
    if done["finished"]:
        print_line(
            console,
            f"finished what was broken off: the log is {done['origin']}, its key and card are in place",
        )
    else:
        old = f"{done['before']} ended with {counted(done['size'], 'entry', 'entries')}"
        lost = f", of {done['known']:,} that are known" if done["known"] > done["size"] else ""
        seen = f", cosigned by {', '.join(done['cosigned'])}" if done["cosigned"] else ""
        print_line(console, f"the log is {done['origin']}; {old}{lost}{seen}")
        print_line(console, f"  the old one stays: psi-node log export DIR --past {done['before']}")
        if done["sessions"] or done["logged"]:
            texts = counted(done["logged"], "text")
            print_line(console, f"  {counted(done['sessions'], 'session')} taken back, {texts} logged anew")
        if done["withheld"]:
            words = "count as spent until their period ends"
            print_line(console, f"  {counted(done['withheld'], 'budget line')} {words}", style="yellow")
    print_line(
        console,
        f"Every peer pins the new card (psi-node card --out FILE): {done['fingerprint']}",
        style="bold",
    )


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
