"""An audit's claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console

from psi_client.cli.plain import plain_lines
from psi_client.cli.show.table import counted, print_line, print_table


def print_report(console: Console, report: Mapping[str, Any]) -> None:
    """Every claim with its state, log by log, then how many are in which."""
    claims = report["claims"]
    for logs, group in groupby(claims, key=lambda claim: claim["logs"]):
        print_line(console, " and ".join(logs), style="bold")
        rows = [(claim["state"], claim["name"], claim["words"], _places(claim)) for claim in group]
        print_table(
            console, ("state", "claim", "what was found", "entries"), rows, wrap=("what was found", "entries")
        )
        print_line(console, "")
    states = [claim["state"] for claim in claims]
    parts = [f"{counted(states.count('proven'), 'claim')} proven", f"{states.count('broken')} broken"]
    if "not provable" in states:
        parts.append(f"{states.count('not provable')} not provable")
    print_line(console, ", ".join(parts), style="bold")


def print_fetched(console: Console, fetched: Mapping[str, Any]) -> None:
    """Where a log was put, and that it is not believed yet."""
    entries = counted(fetched["size"], "entry", "entries")
    print_line(
        console, f"{fetched['log']}: {entries} in {fetched['folder']}. Now verify it: psi audit verify"
    )


def print_proven(console: Console, found: Mapping[str, Any]) -> None:
    """An entry that is in a log, and who else had seen it."""
    seen = ", ".join(found["cosigners"]) or "nobody whose key was given"
    print_line(
        console, f"proven: entry {found['position']} of {found['log']}, signed at {found['size']:,} entries"
    )
    peer = f" with {found['peer']}" if found["peer"] else ""
    print_line(console, f"  {found['kind']}{peer}, {found['time']}; cosigned by {seen}")
    for name, value in found["body"].items():
        first, *others = plain_lines(str(value)).split("\n")
        for line in (f"{name}: {first}", *(f"  {other}" for other in others)):
            print_line(console, f"  {line}")


def print_keys(console: Console, cards: Sequence[Mapping[str, Any]]) -> None:
    """Keys, one a line, under the lab and the fingerprint of the card that they are from."""
    for card in cards:
        print_line(console, f"# {card['lab']}, card {card['fingerprint']}")
        for key in card["keys"]:
            print_line(console, key)


def _places(claim: Mapping[str, Any]) -> str:
    """The positions of the entries at fault; with their log where the claim is about two."""
    several = len(claim["logs"]) > 1
    return ", ".join(
        f"{place['log']} {place['position']}" if several else str(place["position"])
        for place in claim["entries"]
    )
