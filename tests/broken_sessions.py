"""What the tests of sessions that break off share: two labs with long `oprf` runs, and lines cut at a chosen frame."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from psi_core import native_core
from psi_core.agreement.agreement import Agreement
from psi_core.engines.oprf import chunks
from psi_core.log.entry import EntryKind
from psi_core.wire.session_pb2 import SessionFrame
from psi_service.sessions.surroundings import Limits
from psi_service.sessions.views import SessionView
from tests.two_labs import Lab, agreement_between, run, two_labs

CHUNK = 16
ELEMENTS = 100
KEYS = ["email", "device_id"]
CHUNKS = 16
"""Of two lanes, each of 128 padded places."""
OWN_CHUNKS = 24
"""A set that is sent has a bucket of 64 places to spare."""


def small_chunks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(chunks, "CHUNK", CHUNK)


def count_native(patch: pytest.MonkeyPatch) -> Counter[str]:
    """Calls of the native core that evaluate."""
    found: Counter[str] = Counter()
    for name in ("oprf_answer", "oprf_evaluate"):
        real = getattr(native_core.native, name)

        def call(*values: Any, name: str = name, real: Any = real) -> Any:
            found[name] += 1
            return real(*values)

        patch.setattr(native_core.native, name, call)
    return found


async def long_lists(tmp_path: Path, **limits: Any) -> tuple[Lab, Lab, Agreement]:
    """Two labs of which each suspects 100 actors, the last 10 of its own and the first 10 of the other's alike."""
    a, b, terms = await two_labs(tmp_path, agreement_between(late_abort_limit=50))
    for lab in (a, b):
        lab.limits = Limits(**{"idle_seconds": 20, "session_seconds": 60, "redial_seconds": ()} | limits)
        await lab.store.close()
        await lab.up()
    for lab, first in ((a, 0), (b, ELEMENTS - 10)):
        lab.suspects(
            {
                f"{number}": {"email": [f"x{number}@x.org"], "device_id": [f"v:{number}"]}
                for number in range(first, first + ELEMENTS)
            }
        )
    return a, b, terms


SHARED = {f"{number}": set(KEYS) for number in range(ELEMENTS - 10, ELEMENTS)}


def cut_at(lab: Lab, engine_frames: int, then: Callable[[], None] = lambda: None) -> None:
    """Cut the line when `lab` sends so many engine frames in one stream; once."""
    seen = 0

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        nonlocal seen
        seen += frame.WhichOneof("body") == "engine"
        if seen == engine_frames and lab.tamper is tamper:
            lab.tamper = None
            then()
            for event in lab.gone:
                event.set()
            return []
        return [frame]

    lab.tamper = tamper


async def match(a: Lab, b: Lab, terms: Agreement, direction: str = "both", **asked: Any) -> SessionView:
    """One session of engine `oprf` over both lanes, until neither side works on it any more."""
    wishes = {"match_keys": KEYS, "engine": "oprf"} | asked
    view = await run(a, b, terms, direction=direction, **wishes)
    await b.running.wait(view.session_id)
    return await a.sessions.get(view.session_id)


def spent(lab: Lab) -> tuple[int, int, int]:
    """Offers and decisions in the log, and rows of debits: what one session may cost once."""
    offers, decisions = lab.entries(EntryKind.OFFER), lab.entries(EntryKind.DECISION)
    return len(offers), len(decisions), len(lab.table("debits"))


def kept_files(lab: Lab) -> list[Path]:
    folder = lab.directory / "resumptions"
    return sorted(folder.iterdir()) if folder.is_dir() else []


async def stop(*labs: Lab) -> None:
    for lab in labs:
        await lab.stop()


async def back(lab: Lab, *peers: str) -> None:
    """Start again, as a node does."""
    await lab.store.close()
    await lab.up()
    await lab.sessions.settle_all(peers)


async def settled_down(*labs: Lab) -> None:
    """No task of a session is left."""
    for lab in labs:
        tasks = list(lab.running._tasks.values())  # type: ignore[attr-defined]
        if tasks:
            await asyncio.wait(tasks)
