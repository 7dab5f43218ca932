"""Agreements: one line each, or all of one in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from psi_client.cli.plain import plain_lines
from psi_client.cli.show.table import day, print_line, print_table

_STATES: Mapping[str, str] = {
    "proposed": "proposed here, waiting for {peer}",
    "waiting": "waiting for you: psi agreements accept {short}",
    "in_force": "in force",
    "revoked": "revoked",
}


def print_agreements(console: Console, agreements: Sequence[Mapping[str, Any]]) -> None:
    """Agreements, newest first, one a line."""
    if not agreements:
        print_line(console, "There is no agreement. psi agreements propose LAB makes one.", style="dim")
        return
    rows = [
        (
            found["hash"][:4],
            found["peer"],
            found["terms"]["title"],
            [terms["match_key"] for terms in found["terms"]["match_keys"]],
            day(found["terms"]["valid_until"]),
            standing(found),
        )
        for found in agreements
    ]
    headings = ("agreement", "with", "title", "match keys", "until", "state")
    print_table(console, headings, rows, wrap=("title", "match keys", "state"))


def print_words(console: Console, agreement: Mapping[str, Any]) -> None:
    """All of an agreement, as the node words it, and where it stands."""
    console.print(Text(plain_lines(agreement["words"])), soft_wrap=True)
    print_line(console, f"  state           {standing(agreement)}", style="bold")


def print_standing(console: Console, agreement: Mapping[str, Any]) -> None:
    """Where an agreement stands after it was signed, sent or taken."""
    short = agreement["hash"][:4]
    print_line(console, f'agreement {short} "{agreement["terms"]["title"]}": {standing(agreement)}')
    if agreement.get("file"):
        print_line(console, f"the note is in {agreement['file']}: hand it to {agreement['peer']}")
    elif agreement.get("delivered"):
        print_line(console, f"delivered to {agreement['peer']}")


def standing(agreement: Mapping[str, Any]) -> str:
    """A state in words, with what to do about it; of one that has ended how, by whom, when and why."""
    ended = agreement.get("ended")
    if ended:
        return f"{ended['how']} by {ended['by']}, {day(ended['at'])}: {ended['reason']}"
    words = _STATES.get(agreement["state"], str(agreement["state"]))
    return words.format(peer=agreement["peer"], short=agreement["hash"][:4])
