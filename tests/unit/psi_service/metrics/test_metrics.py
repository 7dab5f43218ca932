"""The figures: what they say of a store, that they parse, and what they must not say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from psi_core.agreement.agreement import Agreement, EngineTerms, MatchKeyTerms
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.registry import PROFILE
from psi_service.log.node_log import NodeLog
from psi_service.metrics.metrics import Metrics
from psi_service.sessions import progress as progress_module
from psi_service.sessions.progress import Phase, Progress
from psi_service.store.database import Store

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LAB, PEER = "lab-a.example", "lab-b.example"


def agreement(**changed: Any) -> Agreement:
    values: dict[str, Any] = {
        "title": "abuse sharing",
        "labs": (LAB, PEER),
        "match_keys": (
            MatchKeyTerms(match_key="email", max_size=100, evaluations_per_period=1000),
            MatchKeyTerms(match_key="iban", max_size=100, evaluations_per_period=500),
        ),
        "learns": (LAB, PEER),
        "reveal": ("items",),
        "engines": (EngineTerms(engine="openmined", variant="semi-honest"),),
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z",
        "period_start": "2026-01-01T00:00:00Z",
        "period_seconds": 86_400,
        "minimum_interval_seconds": 0,
        "padding_bucket": 64,
        "late_abort_limit": 3,
        "profile": PROFILE,
        "consortium_key_id": "00112233445566ff",
        "created": "2026-01-01T00:00:00Z",
        "nonce": "0" * 32,
        **changed,
    }
    return Agreement(**values)


class Room:
    """A store with a log and their metrics."""

    def __init__(self, folder: Path) -> None:
        keys = NodeKeys.generate(LAB, NOW)
        self.signer = keys.document
        self.store = Store.open(folder / "data", self.clock)
        self.log = NodeLog(self.store, keys.log, folder / "head", self.clock)
        self.metrics = Metrics(LAB, "0.1.0", self.store, self.log, self.clock)
        self.now = NOW

    def clock(self) -> datetime:
        return self.now

    async def write(self, sql: str, *rows: tuple[object, ...]) -> None:
        def work(db: Any) -> None:
            db.conn.executemany(sql, rows)

        await self.store.transaction(work)

    async def agree(self, terms: Agreement, state: str = "in_force") -> bytes:
        row = (terms.hash(), PEER, "x", terms.signed(self.signer), state, "2026-01-01T00:00:00Z")
        await self.write(
            "INSERT INTO agreements (hash, peer, title, note, state, created) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        return terms.hash()

    async def session(self, number: int, initiator: str, state: str) -> None:
        responder = PEER if initiator == LAB else LAB
        row = (
            f"{number:032x}",
            b"a",
            PEER,
            initiator,
            responder,
            state,
            "both",
            "items",
            0,
            number,
            b"",
            "t",
        )
        columns = "session_id, agreement, peer, initiator, responder, state"
        columns += ", direction, reveal, period, counter, offer, started"
        await self.write(f"INSERT INTO sessions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    async def values(self) -> dict[tuple[str, ...], float]:
        page = (await self.metrics.page()).decode()
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path)
    await made.log.verify_at_start()
    yield made
    await made.store.close()


async def test_a_new_node_has_figures_and_no_checkpoint(room: Room) -> None:
    found = await room.values()
    assert found["psi_build_info", "0.1.0"] == 1
    assert (found["psi_log_entries",], found["psi_log_refusing",]) == (0, 0)
    assert (found["psi_jobs",], found["psi_jobs_late",]) == (0, 0)
    assert found["psi_session_bytes_total", "sent"] == 0
    assert ("psi_checkpoint_age_seconds",) not in found
    assert found["process_resident_memory_bytes",] > 0


async def test_sessions_by_peer_role_and_outcome(room: Room) -> None:
    for number, (initiator, state) in enumerate(
        [
            (LAB, "complete"),
            (LAB, "complete"),
            (LAB, "refused"),
            (PEER, "aborted"),
            (PEER, "open"),
            (PEER, "pending"),
        ]
    ):
        await room.session(number, initiator, state)
    found = await room.values()
    totals = {name[1:]: value for name, value in found.items() if name[0] == "psi_sessions_total"}
    assert totals == {
        ("complete", PEER, "initiator"): 2,
        ("refused", PEER, "initiator"): 1,
        ("aborted", PEER, "responder"): 1,
    }
    assert found["psi_sessions_unfinished", PEER, "responder"] == 2


async def test_budgets_left_are_those_of_the_running_period(room: Room) -> None:
    terms = agreement()
    text_hash = await room.agree(terms)
    period = terms.period_at(NOW)
    await room.session(1, LAB, "complete")
    await room.write(
        "INSERT INTO debits (session_id, lane, agreement, match_key, receiver, period, evaluations)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (f"{1:032x}", 0, text_hash, "email", PEER, period, 300),
        (f"{1:032x}", 0, text_hash, "email", LAB, period, 77),
        (f"{1:032x}", 1, text_hash, "email", PEER, period - 1, 900),
    )
    await room.write("INSERT INTO withheld_budgets VALUES (?, 'iban', ?, ?, 500)", (text_hash, PEER, period))
    short = text_hash.hex()[:8]
    found = await room.values()
    assert found["psi_budget_evaluations", short, "email", PEER] == 1000
    assert found["psi_budget_left_evaluations", short, "email", PEER] == 700
    assert found["psi_budget_left_evaluations", short, "iban", PEER] == 0
    room.now += timedelta(days=1)
    assert (await room.values())["psi_budget_left_evaluations", short, "iban", PEER] == 500


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"valid_until": "2026-02-01T00:00:00Z"}, "in_force"),
        ({"learns": (LAB,)}, "in_force"),
        ({}, "revoked"),
    ],
)
async def test_agreements_under_which_the_peer_may_evaluate_nothing_have_no_budget(
    room: Room, changed: dict[str, Any], state: str
) -> None:
    await room.agree(agreement(**changed), state)
    assert not [name for name in await room.values() if name[0].startswith("psi_budget")]


async def test_ages_of_checkpoints_and_late_jobs(room: Room) -> None:
    await room.log.checkpoint()
    await room.write(
        "INSERT INTO peer_checkpoints VALUES (?, ?, ?, ?, ?)",
        (PEER, "o", 1, b"", "2026-11-24T09:00:00Z"),
        (PEER, "o", 2, b"", "2026-11-24T09:29:00Z"),
    )
    job = (
        "INSERT INTO jobs (peer, reveal, engine, cron, zone, created, paused, next_due)"
        " VALUES (?, 'items', ?, ?, ?, ?, ?, ?)"
    )
    common = (PEER, "openmined", "0 3 * * *", "UTC", "2026-01-01T00:00:00Z")
    await room.write(
        job,
        (*common, None, "2026-11-24T09:19:00Z"),
        (*common, None, "2026-11-24T09:21:00Z"),
        (*common, "2026-01-02T00:00:00Z", None),
    )
    room.log.refusal = "set back"
    found = await room.values()
    assert found["psi_peer_checkpoint_age_seconds", PEER] == 60
    assert found["psi_checkpoint_age_seconds",] == 0
    assert (found["psi_jobs",], found["psi_jobs_late",], found["psi_log_refusing",]) == (2, 1, 1)


async def test_phases_and_bytes_are_counted_when_a_session_ends(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 1.0, 1.25, 4.25, 4.25, 9.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(moments))
    progress = Progress("a" * 32)
    progress.enter(Phase.FREEZING)
    progress.enter(Phase.OPENING)
    progress.bytes_sent, progress.bytes_received = 1000, 2000
    progress.end()
    monkeypatch.undo()
    assert progress.phase_seconds() == {Phase.FREEZING: 0.25, Phase.OPENING: 3.0}
    room.metrics.session_ended(progress, "initiator")
    found = await room.values()
    assert found["psi_session_phase_seconds_sum", "opening", "initiator"] == 3.0
    assert found["psi_session_phase_seconds_bucket", "0.1", "freezing", "initiator"] == 0
    assert found["psi_session_phase_seconds_bucket", "0.5", "freezing", "initiator"] == 1
    assert found["psi_session_bytes_total", "sent"] == 1000
    assert found["psi_session_bytes_total", "received"] == 2000


async def test_sizes_of_lists_and_matches_change_nothing(room: Room) -> None:
    def steady(page: bytes) -> list[bytes]:
        return [line for line in page.split(b"\n") if not line.startswith((b"process_", b"python_"))]

    before = steady(await room.metrics.page())
    await room.write(
        "INSERT INTO actors VALUES (?, ?, ?, 't')", *((n, bytes([n]) * 32, b"") for n in range(1, 50))
    )
    await room.write(
        "INSERT INTO indicators (actor, kind, fingerprint) VALUES (?, 'email', ?)",
        *((n, bytes([n]) * 32) for n in range(1, 50)),
    )
    await room.write(
        "INSERT INTO matches (peer, actor, match_key, fingerprint, first_session, last_session)"
        " VALUES (?, ?, 'email', ?, 's', 's')",
        *((PEER, n, bytes([n]) * 32) for n in range(1, 50)),
    )
    assert steady(await room.metrics.page()) == before
