"""`session`: one session between two nodes, two processes on loopback over gRPC and mutual TLS."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.children import answer_of, cpu_seconds, family, peak_rss
from benchmarks.figures import Figures
from benchmarks.straight_lists import write_straight
from benchmarks.two_nodes import NodeProcess, forget_caches, give_list, two_nodes
from psi_core.engines.labels import sealed_size
from psi_core.engines.oprf.generation import delta_size
from psi_core.engines.oprf.return_frames import RETURN_BUCKET
from psi_core.engines.registry import engines
from psi_core.errors import EngineFault
from psi_core.kinds.labels import label_size
from psi_core.native_core import HASH
from psi_core.session.items import SHARED_CANARIES
from psi_service.sessions.progress import Phase
from psi_service.store.database import DATABASE_FILE

MATCH_KEY = "device_id"
SMALL = 1 << 14
"""Items of openmined-psi beside a large set."""
OVERLAP = 100
"""One item in so many is on both lists."""

FIELDS = ("severity", "campaign", "first_seen")
"""Of the labels that go along when they are asked for."""

_SENT_AGAIN = re.compile(r"([\d,]+) tags added, .* labels of ([\d,]+) sent again")
"""How an incremental run of `oprf` says of how many tags the labels went along."""

Turn = tuple[dict[str, Any], dict[str, dict[str, float]]]
"""A measured session, and its baselines by name."""


def measure_session(
    engine: str,
    items: int,
    direction: str,
    rounds: int,
    new: int | None = None,
    *,
    labels: bool = False,
    straight: bool = False,
) -> Figures:
    """Sessions and baselines take turns, `rounds` times; every figure is the median of its rounds.

    `seconds` run from Begin (both snapshots are frozen and logged) to the result in the initiator's memory.
    `new` (engine `oprf`): the measured sessions are incremental, after so many items were added to each list; baseline
    `full` is a session that both nodes run in full. `labels`: both lists' labels go along; their bytes are told apart.
    `straight`: the lists are written into the stores, without an import.
    """
    variant, engine = engines()[engine].variant, engines()[engine].name
    with TemporaryDirectory(prefix="psi-benchmark-") as temporary:
        folder = Path(temporary)
        with two_nodes(folder, MATCH_KEY, engine, variant, FIELDS if labels else ()) as nodes:
            shared = _write_lists(nodes, items) if straight else _give_lists(nodes, folder, items)
            idle = max(map(_memory, nodes))
            if engine == "openmined":
                # A node that has been up for a while has its worker processes; so has the baseline.
                _one(*nodes, engine, direction, shared)
            turns = [_turn(nodes, folder, engine, direction, shared, new) for _ in range(rounds)]
            peak = max(map(_memory, nodes))
    label_bytes = _label_bytes(engine, direction, turns[-1][0]["lane"]) if labels else 0
    named = {"engine": engine, "variant": variant, "direction": direction, "rounds": rounds}
    return _figures(items, turns, label_bytes, named, idle=idle, peak=peak)


def _figures(
    items: int,
    turns: Sequence[Turn],
    label_bytes: int,
    named: Mapping[str, Any],
    *,
    idle: int,
    peak: int,
) -> Figures:
    """The medians of all turns; idle, peak: bytes of the larger node before and after them."""
    runs, baselines = [run for run, _ in turns], [beside for _, beside in turns]
    lane = runs[-1]["lane"]
    return Figures(
        command="session",
        items=items,
        seconds=median([run["seconds"] for run in runs]),
        bytes=runs[-1]["bytes"] - label_bytes,
        peak_rss_bytes=peak,
        baselines=_medians(baselines, "seconds"),
        cpu_seconds=median([run["cpu_seconds"] for run in runs]),
        baseline_cpu_seconds=_medians(baselines, "cpu_seconds"),
        details={
            **named,
            "run": lane["run"],
            "padded_size": lane["own_size"],
            "label_bytes_per_item": round(label_bytes / items, 2),
            "whole_session_seconds": round(median([run["whole"] for run in runs]), 4),
            "rss_before_bytes": idle,
            "rss_bytes_per_item": round((peak - idle) / lane["own_size"], 1),
            "phases": runs[-1]["phases"],
            "cores": os.cpu_count(),
        },
    )


def _give_lists(nodes: tuple[NodeProcess, NodeProcess], folder: Path, items: int) -> int:
    """Give each node `items` indicators; returns how many of them are on both lists."""
    shared = [_device() for _ in range(items // OVERLAP)]
    for node in nodes:
        give_list(node, folder, shared + [_device() for _ in range(items - len(shared))])
        # What the import took is not the session's: memory is counted from a node that has just started.
        node.stop()
        node.start()
    return len(shared)


def _write_lists(nodes: tuple[NodeProcess, NodeProcess], items: int) -> int:
    """The same, straight into the stores."""
    shared = items // OVERLAP
    fingerprints = secrets.token_bytes(shared * HASH)
    for node in nodes:
        node.stop()
        write_straight(node.folder / DATABASE_FILE, MATCH_KEY, items, fingerprints)
        node.start()
    return shared


def _turn(
    nodes: tuple[NodeProcess, NodeProcess],
    folder: Path,
    engine: str,
    direction: str,
    shared: int,
    new: int | None,
) -> Turn:
    """The measured session of one round, and the baselines beside it."""
    if engine == "oprf":
        forget_caches(*nodes)
    full = _one(*nodes, engine, direction, shared)
    baselines = _baselines(engine if new is None else "", full["lane"])
    if new is None:
        return full, baselines
    for node in nodes:
        give_list(node, folder, [_device() for _ in range(new)])
    baselines["full"] = {name: full[name] for name in ("seconds", "cpu_seconds")}
    return _one(*nodes, engine, direction, shared), baselines


def _label_bytes(engine: str, direction: str, lane: Mapping[str, Any]) -> int:
    """What labels take on the wire: one for each padded item of who gives them, or for each returned value.

    In an incremental run the sender gives only those of tags that come, and of some that stay.
    """
    again = _SENT_AGAIN.search(lane["run"] or "")
    some = again and sum(int(number.replace(",", "")) for number in again.groups())
    theirs = (some or lane["peer_size"]) if direction != "responder" else 0
    ours = (some or lane["own_size"]) if direction != "initiator" else 0
    if engine == "oprf" and direction == "both":
        ours = delta_size(lane["matched"] + SHARED_CANARIES, RETURN_BUCKET)
    return (theirs + ours) * sealed_size(label_size(FIELDS))


def _device() -> str:
    return f"ios:{secrets.token_hex(16)}"


def _memory(node: NodeProcess) -> int:
    return sum(map(peak_rss, family(node.pid)))


def _cpu(*nodes: NodeProcess) -> float:
    return sum(cpu_seconds(pid) for node in nodes for pid in family(node.pid))


def _one(a: NodeProcess, b: NodeProcess, engine: str, direction: str, expected: int) -> dict[str, Any]:
    cpu = _cpu(a, b)
    session_id = a.client.match(b.lab, engine=engine, direction=direction)
    *_, last = a.client.follow(session_id)
    session = last["session"]
    (lane,) = session["lanes"]
    if session["state"] != "complete" or (direction != "responder" and lane["matched"] != expected):
        raise EngineFault(f"the session ended as {session['state']}: the figures would mean nothing")
    at: dict[str, float] = {}
    while Phase.DONE not in at:
        phase, seconds = a.phases.get(timeout=60)
        at[phase] = seconds
    return {
        "seconds": at[Phase.COMPUTED] - at[Phase.BEGUN],
        "whole": at[Phase.DONE] - at[Phase.FREEZING],
        "cpu_seconds": _cpu(a, b) - cpu,
        "bytes": session["bytes_sent"] + session["bytes_received"],
        "lane": lane,
        "phases": _phases(at),
    }


def _phases(at: Mapping[str, float]) -> dict[str, float]:
    """How long each phase of the initiator's took."""
    ordered = sorted(at.items(), key=lambda each: each[1])
    return {name: round(end - begun, 3) for (name, begun), (_, end) in pairwise(ordered)}


def _baselines(engine: str, lane: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Seconds of each; openmined-psi takes minutes where an incremental run takes one, and is not its baseline."""
    own, peer = lane["own_size"], lane["peer_size"]
    found = {"plain": answer_of("benchmarks.plain_exchange", max(own, peer))}
    if engine in ("openmined", "oprf", "vole"):
        # What takes minutes at the size of `vole` is measured at a smaller one, and scaled: it is linear.
        small = [min(size, SMALL) if engine == "vole" else size for size in (own, peer)]
        parameters = engines()["openmined"].parameters(small[0], small[1], "items")
        sizes = (parameters["buckets"], parameters["bucket_size"], os.cpu_count())
        taken = answer_of("benchmarks.bare_openmined", *sizes)
        found["openmined"] = {name: value * max(own, peer) / max(small) for name, value in taken.items()}
    return found


def _medians(rounds: Sequence[Mapping[str, Mapping[str, float]]], field: str) -> dict[str, float]:
    return {name: median([each[name][field] for each in rounds]) for name in rounds[0]}
