"""`soak`: many sessions between two nodes, two processes on loopback, while things break around them.

each session   direction and initiator drawn; nothing, or one fault:
               cut       the proxy between the nodes resets every connection after a drawn number of bytes
               kill      SIGKILL to one of the two processes at a drawn moment, then a new start
               restart   the same with SIGTERM
               together  both labs dial at once
after a fault  sessions until one is complete, at most five: the nodes mend themselves
at the end     both stop; their books are compared and audited (both_books)
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.both_books import check_books
from benchmarks.tcp_proxy import TcpProxy
from benchmarks.two_nodes import LABS, NodeProcess, free_port, give_list, introduce
from psi_client.node_client import NodeClient
from psi_client.profile import Profile
from psi_core.errors import PsiError, TranscriptMismatch

ITEMS, SHARED = 60, 10
FAULTS = {"none": 8, "cut": 5, "kill": 4, "restart": 1, "together": 2}
"""How often each is drawn, of twenty."""
MOST_TRIES = 5
_PLENTY = 2**40


@dataclass(frozen=True)
class SoakReport:
    """What came of it: sessions by outcome (`asked`), as both stores have them (`held`), faults, seconds."""

    sessions: int
    seed: int
    engine: str
    seconds: float
    asked: Counter[str]
    held: Counter[str]
    faults: Counter[str]
    tries: int

    def as_object(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "command": "soak",
            "sessions": self.sessions,
            "seed": self.seed,
            "engine": self.engine,
            "seconds": round(self.seconds, 1),
            "faults": dict(sorted(self.faults.items())),
            "outcomes": dict(sorted(self.asked.items())),
            "held_by_both": dict(sorted(self.held.items())),
            "most_tries_after_a_fault": self.tries,
            "books_agree": True,
            "audit": "nothing broken",
        }

    def show(self, *, as_json: bool) -> None:
        """Print it: as one line of JSON, or a field a line."""
        found = self.as_object()
        if as_json:
            print(json.dumps(found))
            return
        for name, value in found.items():
            shown = (
                ", ".join(f"{key} {count}" for key, count in value.items())
                if isinstance(value, dict)
                else value
            )
            print(f"{name:25} {shown}")


@dataclass
class _World:
    """Two running nodes, and before each the proxy through which the other one dials it."""

    nodes: Sequence[NodeProcess]
    proxies: Sequence[TcpProxy]
    engine: str
    random: random.Random
    asked: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    bytes: int = 20_000
    seconds: float = 1.0
    tries: int = 0

    async def round(self) -> int:
        """One drawn fault and what follows; returns how many sessions were asked for."""
        before = self.asked.total()
        fault = self.random.choices(list(FAULTS), list(FAULTS.values()))[0]
        self.faults[fault] += 1
        side = self.random.randrange(2)
        if fault == "none":
            await self._until_complete(side)
        elif fault == "together":
            await asyncio.gather(self._session(0), self._session(1))
        elif fault == "cut":
            self.proxies[1 - side].cut_after(self.random.randrange(self.bytes))
            await self._session(side)
            self.proxies[1 - side].cut_after(None)
        else:
            await self._end_a_node(side, fault)
        if fault != "none":
            await self._until_complete(self.random.randrange(2))
        for node in self.nodes:
            node.check_running()
        return self.asked.total() - before

    async def _end_a_node(self, side: int, fault: str) -> None:
        victim = self.nodes[self.random.randrange(2)]
        session = asyncio.create_task(self._session(side))
        await asyncio.sleep(self.random.uniform(0, self.seconds))
        await asyncio.to_thread(victim.kill if fault == "kill" else victim.stop)
        await asyncio.to_thread(victim.start)
        await session

    async def _until_complete(self, side: int) -> None:
        for tried in range(1, MOST_TRIES + 1):
            proxy = self.proxies[1 - side]
            proxy.cut_after(None)
            began = time.monotonic()
            outcome = await self._session(side)
            if outcome == "complete":
                self.tries = max(self.tries, tried)
                self.bytes = max(proxy.passed, 1)
                self.seconds = time.monotonic() - began
                return
        raise TranscriptMismatch(f"no session is complete after a fault, the last one ended as {outcome}")

    async def _session(self, side: int) -> str:
        direction = self.random.choice(["initiator", "responder", "both"])
        outcome = await asyncio.to_thread(self._ask, side, direction)
        self.asked[outcome] += 1
        return outcome

    def _ask(self, side: int, direction: str) -> str:
        """One session to its end; its state, for a refusal with its rule, for an error its code."""
        try:
            with NodeClient(Profile.load(self.nodes[side].folder)) as client:
                session_id = client.match(LABS[1 - side], engine=self.engine, direction=direction)
                *_, last = client.follow(session_id)
        except PsiError as error:
            return error.code
        session = last["session"]
        (lane,) = session["lanes"]
        if session["state"] == "complete" and direction != "responder" and lane["matched"] != SHARED:
            raise TranscriptMismatch(f"a session is complete with {lane['matched']} matches, not {SHARED}")
        return str(session["state"])


def soak(sessions: int, engine: str, seed: int, most_seconds: float) -> SoakReport:
    """Run `sessions` sessions or a little more, or fewer when `most_seconds` are over before.

    The drawn faults follow from `seed`; when they strike does not. Raises TranscriptMismatch, NodeRefusing or
    VerificationError when anything is lost, doubled or does not mend itself, PeerUnreachable when a node dies.
    """
    with TemporaryDirectory(prefix="psi-soak-") as temporary:
        return asyncio.run(_soak(Path(temporary), sessions, engine, seed, most_seconds))


async def _soak(folder: Path, sessions: int, engine: str, seed: int, most_seconds: float) -> SoakReport:
    async with _world(folder, engine, seed) as world:
        began, count = time.monotonic(), 0
        while count < sessions and time.monotonic() - began < most_seconds:
            count += await world.round()
        seconds = time.monotonic() - began
    with TemporaryDirectory(prefix="psi-audit-") as audited:
        held = await check_books(Path(audited), *(folder / lab for lab in LABS))
    return SoakReport(count, seed, engine, seconds, world.asked, held, world.faults, world.tries)


@asynccontextmanager
async def _world(folder: Path, engine: str, seed: int) -> AsyncIterator[_World]:
    async with AsyncExitStack() as stack:
        nodes, proxies = [], []
        for lab in LABS:
            inner, outer = free_port(), free_port()
            addresses = {"peer_listen": f"127.0.0.1:{inner}", "peer_address": f"127.0.0.1:{outer}"}
            node = await asyncio.to_thread(
                NodeProcess, lab, folder / lab, max_sessions=8, worker_processes=1, **addresses
            )
            proxies.append(await stack.enter_async_context(TcpProxy(outer, inner)))
            await asyncio.to_thread(node.start)
            stack.push_async_callback(asyncio.to_thread, node.stop)
            nodes.append(node)
        await asyncio.to_thread(_begin, folder, *nodes)
        yield _World(nodes, proxies, engine, random.Random(seed))


def _begin(folder: Path, a: NodeProcess, b: NodeProcess) -> None:
    terms = {
        "lab": b.lab,
        "title": "soak",
        "match_keys": [{"match_key": "device_id", "max_size": 10_000, "evaluations_per_period": _PLENTY}],
        "minimum_interval_seconds": 0,
        "padding_bucket": 64,
        "late_abort_limit": _PLENTY,
    }
    introduce(a, b, terms)
    for node in (a, b):
        own = [f"ios:{node.lab}-{number}" for number in range(ITEMS - SHARED)]
        give_list(node, folder, [f"ios:shared-{number}" for number in range(SHARED)] + own)
