"""Consortia and invites. No key is ever in an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.plain import plain
from psi_client.cli.show.table import day, print_line, print_table


def print_consortia(console: Console, found: Mapping[str, Any]) -> None:
    """Consortia, then invites that wait."""
    if not found["consortia"]:
        print_line(console, "This node is in no consortium: create one, or join another lab's.", style="dim")
    else:
        rows = [
            (
                each["name"],
                each["key_id"],
                each["profile"],
                each["origin"],
                day(each["created"]),
                each["current"],
            )
            for each in found["consortia"]
        ]
        print_table(console, ("consortium", "key id", "profile", "from", "since", "current"), rows)
    for invite in found["waiting"]:
        words = f'waiting for you: invite {invite["hash"][:4]} of {invite["lab"]} to "{invite["consortium"]}"'
        print_line(console, f"{words} (psi-node consortium join {invite['hash'][:4]})", style="yellow")


def print_consortium(console: Console, made: Mapping[str, Any]) -> None:
    """The consortium that is current now."""
    print_line(
        console,
        f'this node is in "{made["name"]}" (key id {made["key_id"]}, profile {made["profile"]}, '
        f"from {made['origin']})",
    )


def print_invite(console: Console, sent: Mapping[str, Any]) -> None:
    """An invite that was made."""
    if sent.get("file"):
        print_line(console, f"the invite for {sent['lab']} is in {sent['file']}: only its node can open it")
    elif sent["delivered"]:
        print_line(console, f"{sent['lab']} has the invite: {sent['delivered']} for its people")


def question(invite: Mapping[str, Any]) -> str:
    """What is asked before joining."""
    return (
        f'Join "{plain(invite["consortium"])}" of {plain(invite["lab"])} (key id {plain(invite["key_id"])})? '
        "Imports and sessions will use its key."
    )
