"""The demo itself: two labs make their nodes, agree, import, match; the result is checked against the clear.

lab-a.example                              lab-b.example
init, serve                                init, serve
peers add (lab-b's card)                   peers add (lab-a's card)
consortium create, invite       ──────▶    consortium join
import                                     import
agreements propose              ──────▶    agreements accept
match                           ◀═════▶
matches                                    matches
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.status import Status

from examples.demo.audit import audit_logs
from examples.demo.clear import overlap, read_list
from examples.demo.data import LABS, MATCH_KEYS, make_world, write_csv
from examples.demo.failure import DemoError
from examples.demo.folder import free_ports
from examples.demo.node import DemoNode
from examples.demo.show import print_some, print_step
from psi_client.cli.show.sessions import summary
from psi_client.cli.show.table import counted

TITLE = "abuse sharing 2026"
LISTS = "indicators.csv"

T = TypeVar("T")
Matched = Mapping[str, frozenset[str]]


@contextmanager
def two_nodes(folders: Mapping[str, Path]) -> Iterator[tuple[DemoNode, DemoNode]]:
    """Both labs' nodes, made and running; ended when the block is left, however it is."""
    ports = free_ports(4)
    nodes = [DemoNode(lab, folders[lab], ports.pop(), ports.pop()) for lab in LABS]
    try:
        _both(nodes, DemoNode.make)
        _both(nodes, DemoNode.start)
        yield nodes[0], nodes[1]
    finally:
        _both(nodes, DemoNode.stop)


def write_lists(folders: Mapping[str, Path]) -> None:
    """Make up both labs' files."""
    world = make_world()
    for lab in LABS:
        folders[lab].mkdir(mode=0o700)
        write_csv(world.rows[lab], folders[lab] / LISTS)


def tell(console: Console, doing: Status, audits: Path, first: DemoNode, second: DemoNode) -> None:
    """Everything from the first card to the audited result, one line a step. Raises DemoError.

    `audits` is an empty folder for what the auditor is given.
    """
    doing.update("cards and the consortium key change hands")
    _meet(first, second)
    doing.update("both labs import their lists")
    _import(console, first, second)
    _agree(console, first, second)
    doing.update("the session runs, both ways")
    outcome = first.psi("match", second.lab)
    doing.update("the overlap in the clear is computed, for comparison")
    print_step(console, "session", [summary(outcome["session"])])
    in_the_clear = _check(first, second, outcome["matches"])
    found = counted(len(outcome["matches"]), "actor")
    print_step(console, "overlap", [f"{found}, as computed in the clear: {in_the_clear:,}"])
    console.print()
    print_some(console, outcome["matches"])
    console.print()
    doing.update("both logs are audited")
    print_step(console, "audit", audit_logs(audits, first, second))


def _meet(first: DemoNode, second: DemoNode) -> None:
    """Cards, fingerprints and the consortium key change hands."""

    def pin(own: DemoNode) -> None:
        other = second if own is first else first
        card = own.folder / f"{other.lab}.card"
        spoken = other.psi_node("card", "--out", card)["fingerprint"]
        own.psi("peers", "add", card, "--fingerprint", spoken)

    _both([first, second], pin)
    first.psi_node("consortium", "create", "demo consortium")
    first.psi_node("consortium", "invite", second.lab)
    second.psi_node("consortium", "join", "--yes")


def _import(console: Console, first: DemoNode, second: DemoNode) -> None:
    def one(node: DemoNode) -> list[str]:
        refused = node.folder / "refused.csv"
        report = node.psi("import", node.folder / LISTS, "--refused", refused)
        return [
            node.lab,
            counted(report["actors"], "actor"),
            counted(report["indicators"], "indicator"),
            f"{counted(report['refused'], 'row')} refused ({refused})",
        ]

    print_step(console, "import", *_both([first, second], one))


def _agree(console: Console, first: DemoNode, second: DemoNode) -> None:
    wanted = [word for match_key in MATCH_KEYS for word in ("--match-key", match_key)]
    first.psi("agreements", "propose", second.lab, "--title", TITLE, *wanted)
    agreement = second.psi("agreements", "accept", "--yes")
    if agreement["state"] != "in_force":
        raise DemoError(f"the agreement is {agreement['state']} after both labs signed it")
    parts = [f'"{TITLE}"', ", ".join(MATCH_KEYS), "both learn items", "signed by both"]
    print_step(console, "agreement", parts)


def _check(first: DemoNode, second: DemoNode, matches: list[dict[str, Any]]) -> int:
    """Hold both labs' results to the clear; returns how many actors of the first lab overlap there."""
    clear = {node: read_list(node.folder / LISTS) for node in (first, second)}
    results = {first: matches, second: second.psi("matches")}
    for node, other in ((first, second), (second, first)):
        expected = overlap(clear[node], clear[other], MATCH_KEYS)
        found: Matched = {row["actor"]: frozenset(row["matched"]) for row in results[node]}
        wrong = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
        if wrong:
            raise DemoError(
                f"{node.lab}: {counted(len(wrong), 'actor')} came out otherwise than in the clear"
            )
    return len(overlap(clear[first], clear[second], MATCH_KEYS))


def _both(nodes: list[DemoNode], work: Callable[[DemoNode], T]) -> list[T]:
    """Do the same at both labs at the same time."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(work, nodes))
