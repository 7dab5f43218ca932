"""One run: what is tried again, how often, after how long, and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from psi_core.errors import (
    AccessDenied,
    CanaryFault,
    Conflict,
    EngineFault,
    InputError,
    InvalidSignature,
    NodeRefusing,
    NotFound,
    PeerUnreachable,
    ProtocolFault,
    PsiError,
    Refused,
    SessionAborted,
    StoreError,
    TranscriptMismatch,
    WorkerDied,
)
from psi_service.jobs.runner import MAX_ATTEMPTS, JobRunner, RunEnd
from psi_service.jobs.sessions import Ended
from psi_service.jobs.wishes import Wishes
from psi_service.sessions.views import SessionView
from tests.job_world import Terms, session_of

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
WISHES = Wishes("lab-b.example")
AWAY = PeerUnreachable("no route", fault="no_route")
DONE = Ended(session_of(WISHES))


class Scripted:
    """Sessions that end one after the other as scripted; time passes only in `sleep`."""

    def __init__(self, *ends: Ended | PsiError, settles_to: SessionView | PsiError | None = None) -> None:
        self.ends = list(ends)
        self.settles_to = settles_to
        self.now = NOW
        self.slept: list[float] = []
        self.started = 0

    async def agreement(self, wishes: Wishes) -> Any:
        return Terms("one")

    async def check(self, wishes: Wishes) -> None:
        raise AssertionError("a run does not check what `add` has checked")

    async def run(self, wishes: Wishes, agreement: Any) -> Ended:
        self.started += 1
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, PsiError):
            raise end
        return end

    async def settled(self, session: SessionView) -> SessionView:
        assert self.settles_to is not None, "nothing was left to settle"
        if isinstance(self.settles_to, PsiError):
            raise self.settles_to
        return self.settles_to

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


async def run(world: Scripted, *, chance: float = 0.5, **asked: Any) -> RunEnd:
    runner = JobRunner(world, lambda: world.now, world.sleep, lambda: chance)
    return await runner.run(WISHES, **{"until": None, **asked})


def summary(end: RunEnd) -> tuple[str, str, int]:
    return end.verdict.state, end.verdict.code, end.attempts


async def test_what_goes_well_is_run_once() -> None:
    world = Scripted(DONE)
    end = await run(world)
    assert summary(end) == ("done", "", 1)
    assert end.session == DONE.session
    assert world.slept == []


def fault(error: PsiError, **session: Any) -> Ended:
    return Ended(session_of(WISHES, **session) if session else None, error)


AGAIN: Sequence[Ended | PsiError] = [
    AWAY,
    fault(AWAY),
    fault(AWAY, state="aborted"),
    fault(ProtocolFault("a frame too many"), state="aborted"),
    fault(SessionAborted("the other side ended it"), state="aborted"),
    fault(EngineFault("off the curve"), state="aborted"),
    fault(WorkerDied("the child ended"), state="aborted"),
    fault(Refused("concurrent", "one is open", by="lab-b.example"), state="refused"),
    StoreError("the disk is full"),
    fault(None, state="aborted", reason="cut"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("end", AGAIN)
async def test_faults_and_concurrent_are_tried_again_with_growing_waits(end: Ended | PsiError) -> None:
    world = Scripted(end, end, end, DONE)
    assert summary(await run(world)) == ("done", "", 4)
    assert world.slept == [30, 60, 120]


async def test_waits_have_jitter_and_an_end() -> None:
    least, most = Scripted(AWAY), Scripted(AWAY)
    assert summary(await run(least, chance=0.0)) == ("failed", "peer-unreachable", MAX_ATTEMPTS)
    await run(most, chance=0.999999)
    assert least.slept == [15, 30, 60, 120, 240]
    assert most.slept == pytest.approx([45, 90, 180, 360, 720], rel=1e-4)
    assert most.started == MAX_ATTEMPTS


NEVER: Sequence[tuple[Ended | PsiError, str, str]] = [
    (fault(Refused(rule, "no", by="lab-b.example"), state="refused"), "refused", rule)
    for rule in (
        "not_in_force",
        "revoked",
        "expired",
        "period",
        "match_key",
        "direction",
        "reveal",
        "engine",
        "variant",
        "size_cap",
        "evaluations_per_period",
        "minimum_interval",
        "padding_bucket",
        "profile",
        "consortium_key",
        "previous",
        "late_aborts",
        "protocol",
        "session_id",
    )
] + [
    (NotFound("no peer"), "failed", "not-found"),
    (Conflict("several agreements"), "failed", "conflict"),
    (InputError("no such engine"), "failed", "invalid-input"),
    (NodeRefusing("the log was set back"), "failed", "node-refusing"),
    (AccessDenied("no"), "failed", "access-denied"),
    (fault(InvalidSignature("not theirs")), "failed", "invalid-signature"),
    (Ended(None), "failed", "session-error"),
    (fault(None, state="refused", reason="no"), "refused", "refused"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("end", "state", "code"), NEVER)
async def test_what_another_try_cannot_mend_is_left_alone(
    end: Ended | PsiError, state: str, code: str
) -> None:
    world = Scripted(end)
    assert summary(await run(world)) == (state, code, 1)
    assert world.slept == []


COSTLY: Sequence[Ended | PsiError] = [
    fault(Refused("epoch", "it has served its one full run", by="lab-a.example"), state="refused"),
    fault(Refused("counter", "behind", by="lab-b.example"), state="refused"),
    fault(AWAY, state="aborted", late=True),
    fault(EngineFault("off the curve"), state="aborted", late=True),
    fault(CanaryFault("a canary is missing"), state="aborted"),
    fault(TranscriptMismatch("other bytes"), state="aborted"),
    fault(None, state="fault", reason="unequal counts"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("end", COSTLY)
async def test_what_the_refusal_mends_and_what_costs_budget_is_tried_once_more(end: Ended | PsiError) -> None:
    world = Scripted(end)
    assert (await run(world)).attempts == 2
    assert world.slept == [5]
    mended = Scripted(end, DONE)
    assert summary(await run(mended)) == ("done", "", 2)


async def test_counter_once_does_not_end_other_tries() -> None:
    counter = fault(Refused("counter", "behind", by="lab-b.example"), state="refused")
    world = Scripted(counter, AWAY, counter)
    assert summary(await run(world)) == ("refused", "counter", 3)
    assert world.slept == [5, 60]


async def test_no_try_begins_when_the_job_is_due_again() -> None:
    world = Scripted(AWAY)
    end = await run(world, until=NOW + timedelta(seconds=100))
    assert summary(end) == ("failed", "peer-unreachable", 3)
    assert world.slept == [30, 60]


async def test_a_person_who_waits_decides_about_faults() -> None:
    assert summary(await run(Scripted(AWAY), patient=False)) == ("failed", "peer-unreachable", 1)
    counter = fault(Refused("counter", "behind", by="lab-b.example"), state="refused")
    assert summary(await run(Scripted(counter, DONE), patient=False)) == ("done", "", 2)


async def test_a_session_that_lacked_signatures_is_settled_not_run_again() -> None:
    pending = session_of(WISHES, state="pending")
    settled = pending.model_copy(update={"state": "complete"})
    world = Scripted(Ended(pending, AWAY), settles_to=settled)
    end = await run(world)
    assert summary(end) == ("done", "", 1)
    assert (end.session, world.started) == (settled, 1)


@pytest.mark.parametrize("settles_to", [AWAY, session_of(WISHES, state="aborted")])
async def test_a_session_that_cannot_be_settled_is_run_again(settles_to: Any) -> None:
    world = Scripted(fault(AWAY, state="open"), DONE, settles_to=settles_to)
    assert summary(await run(world)) == ("done", "", 2)
