"""`make demo` and `make demo-serve`: python -m examples.demo [--serve]."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from examples.demo.data import LAB_A, LAB_B
from examples.demo.failure import DemoError
from examples.demo.folder import fresh_folder
from examples.demo.node import BIN, DemoNode
from examples.demo.run import tell, two_nodes, write_lists
from psi_client.cli.output import console
from psi_core import native_core

FOLDER = Path("demo")
AUDITS = FOLDER / "audit"
FOLDERS = {LAB_A: FOLDER / "lab-a", LAB_B: FOLDER / "lab-b"}


def main() -> int:
    """Run the demo in ./demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="keep both nodes up until Ctrl-C")
    serve = parser.parse_args().serve
    # Whatever ends the demo must not leave nodes behind (Python heeds SIGINT alone, and not in the background).
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    out = console()
    try:
        with fresh_folder(FOLDER, [folder.name for folder in (*FOLDERS.values(), AUDITS)]):
            _run(out, serve=serve)
    except DemoError as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(out: Console, *, serve: bool) -> None:
    native = "   ✔ native core built" if native_core.available() else ""
    out.print(f"✔ environment ready ({BIN.parent.name}){native}")
    out.print(f"Two labs on this machine, mutual TLS, their own stores: {LAB_A}  {LAB_B}")
    with out.status("two lists of suspicious actors are made up") as doing:
        write_lists(FOLDERS)
        doing.update("two nodes start")
        with two_nodes(FOLDERS) as (first, second):
            AUDITS.mkdir()
            tell(out, doing, AUDITS, first, second)
            doing.stop()
            if serve:
                _stay(out, first, second)
            else:
                out.print(f"Look further: make demo-serve, then {_psi()} matches --profile {first.folder}")


def _stay(out: Console, *nodes: DemoNode) -> None:
    """Wait for Ctrl-C; raises DemoError when a node ends by itself."""
    out.print("Both nodes are up until Ctrl-C. In another terminal:")
    for node in nodes:
        out.print(f"  {_psi()} matches --profile {node.folder}", soft_wrap=True)
    try:
        while True:
            time.sleep(0.5)
            for node in nodes:
                if node.ended:
                    raise DemoError(f"the node of {node.lab} ended:\n{node.last_words()}")
    except KeyboardInterrupt:
        out.print("Ending both nodes.")


def _psi() -> str:
    """The command `psi` as it is typed in this folder."""
    path = BIN / "psi"
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
