"""Backups that were made, and what becomes of a node that one is restored to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from psi_client.cli.show.table import counted, print_line, size


def print_backup(console: Console, made: Mapping[str, Any]) -> None:
    """Where it is."""
    entries = counted(made["entries"], "log entry", "log entries")
    print_line(console, f"{made['lab']}: {size(made['bytes'])}, {entries}, sealed in {made['file']}")
    print_line(console, "Keep what opens it elsewhere: without that nobody can, you included.", style="dim")


def print_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """What a restore would do."""
    print_line(console, f"The backup of {plan['lab']}, made {plan['made']}, is whole.")
    print_line(console, _words(plan))


def question(plan: Mapping[str, Any]) -> str:
    """What is asked before anything changes."""
    return f"Restore the backup of {plan['lab']}, made {plan['made']}? {_words(plan)}"


def print_restored(console: Console, done: Mapping[str, Any]) -> None:
    """What was done, and what comes next."""
    entries = counted(done["entries"], "entry", "entries")
    if done["kept_log"]:
        print_line(
            console, f"{done['lab']}: the lists are those of {done['made']}; the log of {entries} stayed."
        )
    else:
        print_line(console, f"{done['lab']}: everything is as of {done['made']}, the log with {entries}.")
        print_line(
            console,
            "The node signs nothing until its log is recovered from what its peers keep (psi-node log recover); "
            f"{counted(done['withheld'], 'budget line')} of the running periods count as spent until then.",
            style="bold red",
        )
    print_line(console, f"What was there before is in {done['aside']}: delete it when all is well.")


def _words(plan: Mapping[str, Any]) -> str:
    if plan["keeps_log"]:
        return (
            f"The log here verifies and stays ({counted(plan['entries'], 'entry', 'entries')}), with its ledger; "
            "actors, indicators, imports and matches become those of the backup."
        )
    return (
        f"The log here cannot stay: {plan['why'].rstrip('.')}. Everything becomes as it was in the backup "
        f"({counted(plan['entries'], 'log entry', 'log entries')}), and the node signs nothing until its log is "
        "recovered from what its peers keep."
    )
