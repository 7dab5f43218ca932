"""Overlapping actors: one row for each own actor and peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from psi_client.cli.show.sessions import print_unopened, summary
from psi_client.cli.show.table import counted, day, print_line, print_pairs, print_table

Rows = Sequence[Mapping[str, Any]]

_SAID: Mapping[str, str] = {
    "first_seen": "first seen {}",
    "last_seen": "last seen {}",
    "confidence": "confidence {}",
    "tlp": "TLP {}",
}
"""How a field of a peer's label is worded; the others say what they are."""


def print_match(console: Console, outcome: Mapping[str, Any]) -> None:
    """A session that has ended well: one line about it, then what this lab learned."""
    session = outcome["session"]
    print_line(console, f"session   {summary(session)}")
    if session["reveal"] == "count" or outcome["matches"] is None:
        print_counts(console, session)
        return
    print_rows(console, outcome["matches"], peers=False)
    actors, new = session["actors"] or 0, session["new_actors"] or 0
    print_line(console, f"{counted(actors, 'overlapping actor')}, {new:,} new", style="bold")
    print_unopened(console, session)
    if session["left_out"]:
        words = (
            f"{counted(session['left_out'], 'actor')} left out of a joined match key: too many combinations"
        )
        print_line(console, words, style="yellow")


def print_counts(console: Console, session: Mapping[str, Any]) -> None:
    """How many items of each lane matched; or that this lab was not to learn anything."""
    if all(lane["matched"] is None for lane in session["lanes"]):
        print_line(console, f"{session['peer']} learned, this lab did not (direction {session['direction']})")
        return
    rows = [(lane["match_key"], lane["matched"]) for lane in session["lanes"]]
    print_table(console, ("match key", "matched"), rows)


def print_matches(console: Console, rows: Rows, limit: int | None = None) -> None:
    """Overlapping actors of all peers, the first `limit` of them."""
    if not rows:
        print_line(console, "No match to show.", style="dim")
        return
    print_rows(console, rows[:limit], peers=True)
    all_of_them = counted(len(rows), "overlapping actor")
    if limit is not None and limit < len(rows):
        all_of_them = f"{limit:,} of {all_of_them}, the strongest; --limit {len(rows)} shows all"
    print_line(console, all_of_them, style="dim")


def print_rows(console: Console, rows: Rows, *, peers: bool) -> None:
    """The table: which match keys of an actor matched, out of how many that could have.

    What a peer says of them stands under its name.
    """
    if not rows:
        return
    saying = sorted({row["peer"] for row in rows if row.get("labels")})
    headings = ["actor", "matched", "of", "strength", "first seen", "last seen", "status", *saying]
    if peers:
        headings.insert(1, "peer")
    filled = [
        (
            row["actor"],
            *([row["peer"]] if peers else []),
            row["matched"],
            row["of"],
            row["strength"],
            day(row["first_seen"]),
            day(row["last_seen"]),
            row["status"],
            *(said(row.get("labels") or {}) if row["peer"] == lab else None for lab in saying),
        )
        for row in rows
    ]
    print_table(console, headings, filled, wrap=("matched", *saying))


def said(labels: Mapping[str, Any]) -> str:
    """What a peer says, by field, on one line: `high; silver fox; first seen 2026-01-19`."""
    return "; ".join(_SAID.get(name, "{}").format(value) for name, value in labels.items())


def print_actor(console: Console, rows: Rows) -> None:
    """What matched for one actor: per peer why it counts as it does, per match key how rare it is."""
    for row in rows:
        print_pairs(
            console,
            {
                "actor": row["actor"],
                "peer": row["peer"],
                "strength": row["strength"],
                "why": "; ".join(row["why"]),
                "seen": f"{day(row['first_seen']) or '?'} to {day(row['last_seen']) or '?'}",
                "tlp": row["tlp"],
                "status": row["status"],
                **({f"{row['peer']} says": said(row["labels"])} if row.get("labels") else {}),
            },
        )
        keys = [
            (
                key["match_key"],
                f"{key['matched']} of {key['total']}",
                key["shared"],
                key["status"],
                key["new"],
            )
            for key in row["match_keys"]
        ]
        print_table(console, ("match key", "matched", "own actors sharing it", "status", "new"), keys)


def print_marked(console: Console, row: Mapping[str, Any]) -> None:
    """A match as it is judged now."""
    print_line(console, f"{row['actor']} and {row['peer']}: {row['status']}")


def print_matrix(console: Console, matrix: Mapping[str, Any]) -> None:
    """Peers by match keys."""
    if not matrix["peers"]:
        print_line(console, "No match to count.", style="dim")
        return
    names = matrix["match_keys"]
    rows = [
        (row["peer"], row["actors"], *(row["by_match_key"].get(name, 0) for name in names))
        for row in matrix["peers"]
    ]
    print_table(console, ("peer", "actors", *names), rows)


def print_rules(console: Console, rules: Rows) -> None:
    """How strength is judged."""
    rows = [(rule["strength"] or "rarity", rule["words"]) for rule in rules]
    print_table(console, ("strength", "rule"), rows, wrap=("rule",))
