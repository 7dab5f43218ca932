"""Pinned labs and cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from psi_client.cli.show.table import print_line, print_pairs, print_table

if TYPE_CHECKING:
    from psi_core.identity.card import Card

GROUPS_PER_LINE = 8


def print_peers(console: Console, peers: Sequence[Mapping[str, Any]]) -> None:
    """Pinned labs, one a line."""
    if not peers:
        print_line(
            console, "No lab is pinned. psi peers add FILE pins the one whose card it is.", style="dim"
        )
        return
    rows = [(peer["lab"], peer["address"], _beginning(peer["fingerprint"])) for peer in peers]
    print_table(console, ("lab", "address", "fingerprint"), rows)


def print_peer(console: Console, peer: Mapping[str, Any]) -> None:
    """One pinned lab."""
    print_pairs(console, {"lab": peer["lab"], "address": peer["address"]})
    print_fingerprint(console, peer["fingerprint"])
    if "certificate" in peer:
        _print_groups(console, "hash of its TLS certificate (not the fingerprint)", peer["certificate"])


def print_card(console: Console, card: Card) -> None:
    """A card that is not pinned yet."""
    print_pairs(console, {"lab": card.lab, "address": card.address, "card made": card.created})
    print_fingerprint(console, card.fingerprint_words())


def print_fingerprint(console: Console, words: str) -> None:
    """A fingerprint in groups of four, eight a line, to be read aloud."""
    _print_groups(console, "fingerprint", words)


def _print_groups(console: Console, heading: str, words: str) -> None:
    groups = words.split()
    print_line(console, heading, style="bold")
    for start in range(0, len(groups), GROUPS_PER_LINE):
        print_line(console, f"    {' '.join(groups[start : start + GROUPS_PER_LINE])}")


def print_added(console: Console, peer: Mapping[str, Any]) -> None:
    """That a lab is pinned now."""
    print_line(console, f"{peer['lab']} is pinned; try it with psi peers test {peer['lab']}")


def print_removed(console: Console, removed: Mapping[str, Any]) -> None:
    """That a lab is gone."""
    print_line(console, f"{removed['lab']} is no peer any more")


def print_probe(console: Console, probe: Mapping[str, Any]) -> None:
    """That the way to a lab is free."""
    print_line(console, str(probe["words"]), style="green")


def _beginning(words: str) -> str:
    return " ".join([*words.split()[:4], "..."])
