"""How a node is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, print_line, print_pairs


def print_status(console: Console, status: Mapping[str, Any]) -> None:
    """The node in a few lines, then what waits for a person, then why it signs nothing if it does."""
    consortium = status["consortium"]
    key = f"{consortium} (key {status['consortium_key_id']}, profile {status['profile']})"
    print_pairs(
        console,
        {
            "lab": f"{status['lab']}   version {status['version']}",
            "peers dial": status["address"],
            "peers": counted(status["peers"], "pinned lab"),
            "consortium": key if consortium is not None else "none: psi-node consortium create, or join",
            "log": f"{status['log']['origin']}   {counted(status['log']['size'], 'entry', 'entries')}",
        },
    )
    for line in _waiting(status):
        print_line(console, line, style="yellow")
    if status["log"]["refusal"] is not None:
        print_line(console, f"This node signs nothing: {status['log']['refusal']}", style="bold red")


def _waiting(status: Mapping[str, Any]) -> Iterator[str]:
    if status["waiting_invites"]:
        yield f"waiting for you: {counted(status['waiting_invites'], 'invite')} (psi-node consortium list)"
    if status["waiting_agreements"]:
        yield f"waiting for you: {counted(status['waiting_agreements'], 'agreement')} (psi agreements list)"
