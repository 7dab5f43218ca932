"""Answers on standard output: one JSON document, or a text for people. Progress and questions go to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from psi_client.cli.plain import plain
from psi_core.errors import InvalidConfiguration

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

PIPE_WIDTH = 240
"""Columns of a table that goes to a file or another command: wide enough that no cell is cut."""


def answer(value: T, render: Callable[[Console, T], None], *, as_json: bool) -> None:
    """Show `value` as JSON, or as `render` writes it."""
    if as_json:
        print_json(value)
    else:
        render(console(), value)


def print_json(value: Any) -> None:
    """One document. ASCII alone: whatever a name holds, it is escaped."""
    typer.echo(json.dumps(value, indent=2))


def console(*, stderr: bool = False) -> Console:
    """A console without markup, emoji codes or highlighting: what is printed is what is shown."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width)


def confirmed(question: str, *, yes: bool, as_json: bool, instead: str = "--yes") -> bool:
    """Ask on standard error, unless `yes`; no answer is a no.

    Raises InvalidConfiguration with `--json`, where nothing may be asked; `instead` names the options to give.
    """
    if yes:
        return True
    if as_json:
        raise InvalidConfiguration(f"with --json nothing is asked: give {instead}")
    # typer.confirm writes part of its question to standard output, where it would spoil an answer.
    typer.echo(f"{plain(question)} [y/N] ", nl=False, err=True)
    given = sys.stdin.readline()
    if not sys.stdin.isatty():
        typer.echo(err=True)
    return given.strip().lower() in ("y", "yes")
