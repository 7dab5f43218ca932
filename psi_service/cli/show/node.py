"""A node that was made, or that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.peers import print_fingerprint
from psi_client.cli.show.table import print_line, print_pairs


def print_new_node(console: Console, made: Mapping[str, Any], where: str = "") -> None:
    """What was made, where, and what comes next; `where` is what those commands need to find it."""
    print_pairs(
        console,
        {
            "lab": made["lab"],
            "folder": made["data"],
            "peers dial": made["address"],
            "commands": made["admin_url"],
            "profile": f"{made['profile']} (holds a token: keep it to yourself)",
        },
    )
    print_fingerprint(console, made["fingerprint"])
    print_line(
        console,
        f"next: psi-node serve{where}; then send the other lab what psi-node card{where} prints",
        style="dim",
    )


def print_serving(console: Console, node: Mapping[str, Any]) -> None:
    """That a node runs, and where."""
    print_line(console, f"{node['lab']} runs: peers at {node['peers']}, commands at {node['commands']}")
    if node["signs_nothing"] is not None:
        print_line(console, f"It signs nothing: {node['signs_nothing']}", style="bold red")
