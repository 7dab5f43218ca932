"""Tokens, without the tokens themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import day, print_line, print_table


def print_tokens(console: Console, tokens: Sequence[Mapping[str, Any]]) -> None:
    """Every token, oldest first."""
    rows = [
        (
            str(token["id"]),
            token["name"],
            token["role"],
            day(token["created"]),
            day(token["expires"]) or "no end",
            day(token["revoked"]),
        )
        for token in tokens
    ]
    print_table(console, ("number", "name", "role", "made", "expires", "revoked"), rows)


def print_token(console: Console, token: Mapping[str, Any]) -> None:
    """A token that was made, or revoked."""
    if token.get("profile"):
        print_line(
            console, f"token {token['id']} ({token['role']}) for {token['name']} is in {token['profile']}"
        )
        print_line(console, "Hand that file over safely: whoever has it is in. psi --profile FILE uses it.")
    else:
        print_line(console, f"token {token['id']} of {token['name']} was revoked at {token['revoked']}")
