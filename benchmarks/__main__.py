"""python -m benchmarks import|session|audit|soak: see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Protocol


class Shown(Protocol):
    """What a command comes to."""

    def show(self, *, as_json: bool) -> None:
        """Print it."""


def _import(arguments: argparse.Namespace) -> Shown:
    from benchmarks.importing import measure_import

    return measure_import(arguments.rows, arguments.processes, arguments.rounds)


def _session(arguments: argparse.Namespace) -> Shown:
    from benchmarks.sessions import measure_session

    new = arguments.new
    if arguments.changed is not None:
        new = max(1, int(arguments.items * arguments.changed))
    return measure_session(
        *(arguments.engine, arguments.items, arguments.direction, arguments.rounds, new),
        labels=arguments.labels,
        straight=arguments.straight,
    )


def _audit(arguments: argparse.Namespace) -> Shown:
    from benchmarks.auditing import measure_audit

    return measure_audit(arguments.entries, arguments.rounds)


def _soak(arguments: argparse.Namespace) -> Shown:
    from benchmarks.soak import soak

    return soak(arguments.sessions, arguments.engine, arguments.seed, arguments.most_seconds)


def _number(text: str) -> int:
    number = int(text.replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("more than 0, at most 1")
    return share


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure against baselines of the same run."
    )
    commands = top.add_subparsers(required=True)

    def command(name: str, words: str, run: Callable[[argparse.Namespace], Shown]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.add_argument("--json", action="store_true", help="one JSON object on one line")
        if name != "soak":
            made.add_argument(
                "--rounds", type=_number, default=1, help="measure so often, in turns, and take medians"
            )
        made.set_defaults(run=run)
        return made

    made = command("import", "a CSV file of mixed kinds into a new store", _import)
    made.add_argument("--rows", type=_number, default=1_000_000)
    made.add_argument("--processes", type=_number, default=os.cpu_count() or 1, help="worker processes")
    _session_options(command("session", "one session between two nodes over mutual TLS", _session))
    made = command("audit", "an exported log", _audit)
    made.add_argument("--entries", type=_number, default=100_000)
    made = command("soak", "many sessions while connections are cut and nodes killed", _soak)
    made.add_argument("--sessions", type=_number, default=200)
    made.add_argument("--engine", default="auto")
    made.add_argument("--seed", type=int, default=1, help="which faults are drawn")
    made.add_argument("--most-seconds", type=_number, default=3600, help="end earlier when these are over")
    return top


def _session_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--engine", default="openmined")
    made.add_argument("--items", type=_number, default=50_000, help="on each side")
    made.add_argument("--direction", choices=("initiator", "responder", "both"), default="initiator")
    lists = made.add_mutually_exclusive_group()
    lists.add_argument("--labels", action="store_true", help="labels go along, and are told apart")
    lists.add_argument(
        "--straight", action="store_true", help="write the lists into the stores, without an import"
    )
    grown = made.add_mutually_exclusive_group()
    grown.add_argument(
        "--changed",
        type=_share,
        help="engine oprf: after so large a share of new items on each side, against a full session",
    )
    grown.add_argument(
        "--new",
        type=_number,
        help="engine oprf: after so many new items on each side, against a full session",
    )


def main() -> None:
    """Measure, and print what came of it."""
    arguments = parser().parse_args()
    figures: Shown = arguments.run(arguments)
    figures.show(as_json=arguments.json)


if __name__ == "__main__":
    main()
