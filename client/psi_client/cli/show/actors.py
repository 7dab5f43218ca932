"""Own actors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, day, print_line, print_pairs, print_table


def print_page(console: Console, page: Mapping[str, Any]) -> None:
    """A page of actors, and how to get the next one."""
    rows = [
        (
            actor["reference"],
            actor["indicators"],
            [_kind(kind) for kind in actor["kinds"]],
            day(actor["first_seen"]),
            day(actor["last_seen"]),
        )
        for actor in page["actors"]
    ]
    if rows:
        print_table(
            console, ("actor", "indicators", "kinds", "first seen", "last seen"), rows, wrap=("kinds",)
        )
    more = f"   more: psi actors list --after {page['next']}" if page["next"] is not None else ""
    print_line(console, f"{len(rows):,} of {counted(page['total'], 'actor')}{more}", style="dim")


def print_actor(console: Console, actor: Mapping[str, Any]) -> None:
    """One actor in full."""
    print_pairs(
        console,
        {
            "actor": actor["reference"],
            "known since": day(actor["created"]),
            "first seen": day(actor["first_seen"]),
            "last seen": day(actor["last_seen"]),
        },
    )
    rows = [(kind["kind"], kind["count"], kind["derived"]) for kind in actor["kinds"]]
    print_table(console, ("kind", "indicators", "of them derived"), rows)


def print_erasure(console: Console, erasure: Mapping[str, Any]) -> None:
    """What goes with an actor, or has gone."""
    kinds = [_kind(kind) for kind in erasure["kinds"]]
    print_pairs(
        console,
        {
            "actor": erasure["reference"],
            "indicators": kinds,
            "matches": f"{counted(erasure['matches'], 'match', 'matches')}"
            + (f" with {', '.join(erasure['peers'])}" if erasure["peers"] else ""),
        },
    )
    if erasure["erased"]:
        print_line(console, "It is erased. Backups made before hold it still: let them expire.")


def _kind(kind: Mapping[str, Any]) -> str:
    return str(kind["kind"]) if kind["count"] == 1 else f"{kind['kind']} ({kind['count']})"
