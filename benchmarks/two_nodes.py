"""Two nodes on loopback, each a process: made, introduced, given lists, asked for sessions."""

from __future__ import annotations

import asyncio
import json
import queue
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT
from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_core.errors import PeerUnreachable
from psi_service.clock import system_clock
from psi_service.identity.initialise import initialise

LABS = ("lab-a.example", "lab-b.example")
_START_SECONDS = 60
_MOST = 2**40


def free_port() -> int:
    """A port of loopback that nobody uses now, below those that the kernel hands to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class NodeProcess:
    """One lab's node; `phases` has (phase, seconds) of all its sessions so far."""

    def __init__(self, lab: str, folder: Path, **settings: Any) -> None:
        self.lab = lab
        self.folder = folder
        ports = {name: f"127.0.0.1:{free_port()}" for name in ("peer_listen", "admin_listen")}
        values = {"lab": lab, "peer_address": ports["peer_listen"], **ports, **settings}
        asyncio.run(initialise(folder, values, system_clock))
        self.phases: queue.Queue[tuple[str, float]] = queue.Queue()
        self._ready = threading.Event()

    @property
    def pid(self) -> int:
        """Of the running process."""
        return self._process.pid

    def start(self) -> None:
        """Start it, for the first time or again, and wait until both ports are open."""
        self._ready.clear()
        command = [sys.executable, "-m", "benchmarks.node_process", str(self.folder)]
        with (self.folder / "journal").open("a") as journal:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=journal, text=True
            )
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._ready.wait(_START_SECONDS):
            raise PeerUnreachable(f"{self.lab} does not start: see {self.folder / 'journal'}", fault="closed")
        self.client = NodeClient(Profile.load(self.folder))

    def check_running(self) -> None:
        """Raise PeerUnreachable when it has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise PeerUnreachable(f"{self.lab} ended by itself with {code}", fault="closed")

    def stop(self) -> None:
        """End it in order."""
        self.client.close()
        self._process.terminate()
        self._process.wait(60)

    def kill(self) -> None:
        """End it as a power cut does (SIGKILL)."""
        self.client.close()
        self._process.kill()
        self._process.wait(60)

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 -- Popen was asked for it
        with self._process.stdout as lines:
            for line in lines:
                # A killed process may leave half a line.
                found = json.loads(line) if line.startswith("{") and line.endswith("}\n") else {}
                if "ready" in found:
                    self._ready.set()
                elif "phase" in found:
                    self.phases.put((found["phase"], found["at"]))


@contextmanager
def two_nodes(
    folder: Path, match_key: str, engine: str, variant: str, fields: Sequence[str] = ()
) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """Both run, hold each other's card and a consortium's key, and agree on one match key without narrow bounds.

    `fields`: labels that both give.
    """
    nodes = tuple(NodeProcess(lab, folder / lab) for lab in LABS)
    started: list[NodeProcess] = []
    try:
        for node in nodes:
            node.start()
            started.append(node)
        introduce(started[0], started[1], _terms(match_key, engine, variant, fields))
        yield started[0], started[1]
    finally:
        for node in started:
            node.stop()


def _terms(match_key: str, engine: str, variant: str, fields: Sequence[str]) -> dict[str, Any]:
    return {
        "lab": LABS[1],
        "title": "benchmark",
        "match_keys": [{"match_key": match_key, "max_size": _MOST, "evaluations_per_period": _MOST}],
        "engines": [{"engine": engine, "variant": variant}],
        "minimum_interval_seconds": 0,
        **({"labels": [{"fields": list(fields)}]} if fields else {}),
    }


def introduce(a: NodeProcess, b: NodeProcess, terms: dict[str, Any]) -> None:
    """Exchange cards, hand over a consortium's key, agree on `terms`; both run."""
    a.client.add_peer(b.client.card()["card"])
    b.client.add_peer(a.client.card()["card"])
    a.client.create_consortium("benchmark")
    a.client.invite(b.lab)
    (invite,) = b.client.invites()
    b.client.join_consortium(hash_prefix=invite["hash"][:8])
    b.client.accept_agreement(a.client.propose_agreement(terms)["hash"])


def forget_caches(*nodes: NodeProcess) -> None:
    """Remove what engine `oprf` keeps from one session to the next: the next one is full."""
    for node in nodes:
        for path in (node.folder / "generations").glob("*"):
            path.unlink()


def give_list(node: NodeProcess, folder: Path, values: Sequence[str]) -> None:
    """Import device ids, one an actor, each with a severity, a campaign and the day when it was first seen."""
    path = folder / f"{node.lab}.csv"
    rows = (
        f"acct-{number},device_id,{value},high,campaign {number % 100},2026-02-{number % 28 + 1:02d}\n"
        for number, value in enumerate(values)
    )
    path.write_text("actor,kind,value,severity,campaign,first_seen\n" + "".join(rows))
    node.client.import_file(path)
