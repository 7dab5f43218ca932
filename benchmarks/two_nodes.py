"""Two nodes on loopback, each a process: made, introduced, given lists, asked for sessions."""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psi_client.node_client import NodeClient
from psi_client.profile import Profile

from benchmarks.children import ROOT
from psi_core.errors import PeerUnreachable
from psi_service.clock import system_clock
from psi_service.initialise import initialise

LABS = ("lab-a.example", "lab-b.example")
_START_SECONDS = 60
_MOST = 2**40


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class NodeProcess:
    """One lab's node; `phases` has (phase, seconds) of all its sessions so far."""

    def __init__(self, lab: str, folder: Path) -> None:
        self.lab = lab
        self._folder = folder
        ports = {name: f"127.0.0.1:{_free_port()}" for name in ("peer_listen", "admin_listen")}
        values = {"lab": lab, **ports, "peer_address": ports["peer_listen"]}
        asyncio.run(initialise(folder, values, system_clock))
        self.phases: queue.Queue[tuple[str, float]] = queue.Queue()
        self._ready = threading.Event()

    @property
    def pid(self) -> int:
        """Of the running process."""
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until both ports are open."""
        command = [sys.executable, "-m", "benchmarks.node_process", str(self._folder)]
        with (self._folder / "journal").open("w") as journal:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=journal, text=True
            )
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._ready.wait(_START_SECONDS):
            raise PeerUnreachable(
                f"{self.lab} does not start: see {self._folder / 'journal'}", fault="closed"
            )
        self.client = NodeClient(Profile.load(self._folder))

    def stop(self) -> None:
        """End it in order."""
        self._process.terminate()
        self._process.wait(60)

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 -- Popen was asked for it
        for line in self._process.stdout:
            found = json.loads(line) if line.startswith("{") else {}
            if "ready" in found:
                self._ready.set()
            elif "phase" in found:
                self.phases.put((found["phase"], found["at"]))


@contextmanager
def two_nodes(
    folder: Path, match_key: str, engine: str, variant: str
) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """Both run, hold each other's card and a consortium's key, and agree on one match key without narrow bounds."""
    nodes = tuple(NodeProcess(lab, folder / lab) for lab in LABS)
    started: list[NodeProcess] = []
    try:
        for node in nodes:
            node.start()
            started.append(node)
        _introduce(started[0], started[1], _terms(match_key, engine, variant))
        yield started[0], started[1]
    finally:
        for node in started:
            node.stop()


def _terms(match_key: str, engine: str, variant: str) -> dict[str, Any]:
    return {
        "lab": LABS[1],
        "title": "benchmark",
        "match_keys": [{"match_key": match_key, "max_size": _MOST, "evaluations_per_period": _MOST}],
        "engines": [{"engine": engine, "variant": variant}],
        "minimum_interval_seconds": 0,
    }


def _introduce(a: NodeProcess, b: NodeProcess, terms: dict[str, Any]) -> None:
    a.client.add_peer(b.client.card()["card"])
    b.client.add_peer(a.client.card()["card"])
    a.client.create_consortium("benchmark")
    a.client.invite(b.lab)
    (invite,) = b.client.invites()
    b.client.join_consortium(hash_prefix=invite["hash"][:8])
    b.client.accept_agreement(a.client.propose_agreement(terms)["hash"])


def give_list(node: NodeProcess, folder: Path, values: Sequence[str]) -> None:
    """Import device ids, one an actor."""
    path = folder / f"{node.lab}.csv"
    rows = (f"acct-{number},device_id,{value}\n" for number, value in enumerate(values))
    path.write_text("actor,kind,value\n" + "".join(rows))
    node.client.import_file(path)
