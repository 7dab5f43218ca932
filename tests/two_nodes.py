"""Two whole nodes on loopback for tests: init, serve, cards, consortium, agreement, lists, over REST and gRPC."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_service.clock import Clock, system_clock
from psi_service.identity.initialise import initialise
from psi_service.node.app import Node, build
from psi_service.settings import Settings

LABS = ("lab-a.example", "lab-b.example")

T = TypeVar("T")


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
GIVEN: deque[int] = deque(maxlen=1000)
"""Ports handed out lately, some of which nobody listens on yet."""


def free_port() -> int:
    """A port of loopback that nobody uses now, below those that the kernel hands to outgoing connections.

    No other process of this run is given it, nor is it given twice before it is used.
    """
    while True:
        port = random.randrange(20_000 + WORKER, 32_000, WORKERS)  # noqa: S311 -- no secret
        if port in GIVEN:
            continue
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            GIVEN.append(port)
            return port


@dataclass
class Place:
    """One lab's folder, and what reaches its node while one runs on it."""

    data_dir: Path

    @property
    def settings(self) -> Settings:
        return Settings.load(self.data_dir)

    @property
    def client(self) -> NodeClient:
        return NodeClient(Profile.load(self.data_dir))

    async def ask(self, question: Callable[[NodeClient], T]) -> T:
        """Ask the node in a thread, because it may run on this very loop."""

        def asking() -> T:
            with self.client as client:
                return question(client)

        return await asyncio.to_thread(asking)

    @asynccontextmanager
    async def running(self, clock: Clock = system_clock) -> AsyncIterator[Node]:
        """The lab's node in this process."""
        node = build(self.settings, clock)
        try:
            await node.start()
            yield node
        finally:
            await node.stop()


async def places(folder: Path, **settings: Any) -> tuple[Place, Place]:
    """Two new nodes' folders, on free ports; neither runs yet."""
    found = []
    for lab in LABS:
        ports = {name: f"127.0.0.1:{free_port()}" for name in ("peer_listen", "admin_listen")}
        values = {
            "lab": lab,
            **ports,
            "peer_address": ports["peer_listen"],
            "worker_processes": 1,
            **settings,
        }
        await initialise(folder / lab, values, system_clock)
        found.append(Place(folder / lab))
    return found[0], found[1]


async def introduce(a: Place, b: Place, match_keys: Sequence[dict[str, Any]], **terms: Any) -> str:
    """Pin both ways, found a consortium, agree on `match_keys`; both nodes run. Returns the agreement's hash."""
    cards = [(await each.ask(NodeClient.card))["card"] for each in (a, b)]
    await a.ask(lambda client: client.add_peer(cards[1]))
    await b.ask(lambda client: client.add_peer(cards[0]))
    await a.ask(lambda client: client.create_consortium("abuse sharing"))
    sent = await a.ask(lambda client: client.invite(LABS[1]))
    assert sent["delivered"] == "waiting", sent
    (invite,) = await b.ask(NodeClient.invites)
    await b.ask(lambda client: client.join_consortium(hash_prefix=invite["hash"][:8]))
    proposal = {"lab": LABS[1], "title": "abuse sharing 2026", "match_keys": list(match_keys)}
    proposal |= {"minimum_interval_seconds": 0, **terms}
    proposed = await a.ask(lambda client: client.propose_agreement(proposal))
    assert proposed["delivered"] == "waiting", proposed
    accepted = await b.ask(lambda client: client.accept_agreement(proposed["hash"]))
    assert accepted["delivered"] == "in_force", accepted
    return str(accepted["hash"])
