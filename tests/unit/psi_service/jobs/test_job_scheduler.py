"""Jobs of one node in simulated time: what is due runs, what was missed is counted, bad news comes once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from psi_core.errors import Conflict, NodeRefusing, NotFound, Refused
from psi_core.log.entry import Entry
from psi_service.jobs.on_new import OnNew
from psi_service.jobs.sessions import Ended
from psi_service.jobs.views import RunView
from psi_service.jobs.wishes import Wishes
from tests.job_world import START, JobNode, World, session_of

HOURLY = "0 * * * *"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[JobNode]:
    node = await JobNode(World(), tmp_path / "a").up()
    yield node
    await node.down()


def brief(runs: tuple[RunView, ...]) -> list[tuple[str, int, int]]:
    return [(run.state, run.covers, run.times) for run in runs]


async def test_a_job_runs_at_each_of_its_times(node: JobNode) -> None:
    job = await node.add("30 9,11 * * *", zone="Europe/Berlin")
    await node.world.forward(days=2)
    at = [moment - START for moment, _ in node.sessions.tried]
    # 11:30 in Berlin is 10:30 UTC, an hour and a half after the start; 9:30 comes the next morning.
    assert at == [timedelta(hours=hours) for hours in (1.5, 23.5, 25.5, 47.5)]
    assert brief(node.runs(job)) == [("done", 1, 1)] * 4
    view = await node.jobs.get(job)
    assert (view.dues, view.misfires, view.overlaps, view.next_due) == (4, 0, 0, "2026-11-26T10:30:00Z")
    assert view.last == view.runs[0]
    assert view.last.actors == 3
    assert view.last.matched == {"email": 3}
    assert view.last.due == "2026-11-26T08:30:00Z"
    assert not view.running
    assert not view.late


async def test_times_missed_while_down_are_misfires_and_run_once(node: JobNode) -> None:
    job = await node.add(HOURLY)
    await node.world.forward(hours=2.5)
    await node.down()
    await node.world.forward(hours=4)
    await node.up()
    await node.world.forward(hours=1)
    assert brief(node.runs(job)) == [("done", 1, 1), ("done", 1, 1), ("done", 4, 1), ("done", 1, 1)]
    view = await node.jobs.get(job)
    assert (view.dues, view.misfires, view.overlaps) == (7, 4, 0)
    assert len(node.sessions.tried) == 4


async def test_a_run_that_the_end_of_the_node_broke_off_is_begun_again_once(node: JobNode) -> None:
    job = await node.add(HOURLY)
    await node.world.until(START + timedelta(hours=1, seconds=5))
    assert (await node.jobs.get(job)).running
    await node.down()
    await node.up()
    await node.world.forward(minutes=5)
    assert brief(node.runs(job)) == [("interrupted", 1, 1), ("done", 0, 1)]
    assert node.runs(job)[1].due == node.runs(job)[0].due
    await node.down()
    await node.up()
    await node.world.forward(minutes=5)
    assert len(node.sessions.tried) == 2
    assert node.column("dues", job) == 1


async def test_what_a_person_asked_for_is_not_begun_again(node: JobNode) -> None:
    job = await node.add(HOURLY)
    run = await node.jobs.run(job)
    assert (run.state, run.asked, run.covers, run.due) == ("running", True, 0, None)
    with pytest.raises(Conflict, match="running already"):
        await node.jobs.run(job)
    await node.world.quiet()
    await node.down()
    await node.up()
    await node.world.forward(minutes=5)
    assert brief(node.runs(job)) == [("interrupted", 0, 1)]
    assert len(node.sessions.tried) == 1


async def test_a_time_that_comes_while_the_run_before_goes_on_is_an_overlap(node: JobNode) -> None:
    async def slow(wishes: Wishes) -> Ended:
        await node.world.sleep(2.5 * 3600)
        return Ended(session_of(wishes))

    node.sessions.script = slow
    job = await node.add(HOURLY)
    await node.world.forward(hours=7, minutes=30)
    view = await node.jobs.get(job)
    assert brief(node.runs(job)) == [("done", 1, 1), ("done", 1, 1), ("running", 1, 1)]
    assert (view.dues, view.overlaps, view.misfires) == (7, 4, 0)


async def test_a_peer_that_is_away_for_a_day_is_one_line(node: JobNode) -> None:
    job = await node.add("*/30 * * * *")
    node.sessions.away.add("lab-b.example")
    with structlog.testing.capture_logs() as journal:
        await node.world.forward(days=1, minutes=25)
        (row,) = node.runs(job)
        assert (row.state, row.code, row.times, row.covers) == ("failed", "peer-unreachable", 48, 48)
        assert row.words == "no route to lab-b.example"
        assert len(node.sessions.tried) > 48
        node.sessions.away.clear()
        await node.world.forward(hours=1)
    assert brief(node.runs(job)) == [("failed", 48, 48), ("done", 1, 1), ("done", 1, 1)]
    assert [(line["event"], line.get("failed_before")) for line in journal] == [
        ("job failed", None),
        ("job done", 48),
        ("job done", None),
    ]


async def test_other_bad_news_is_another_line(node: JobNode) -> None:
    rules = iter(
        ["evaluations_per_period", "evaluations_per_period", "late_aborts", "evaluations_per_period"]
    )

    async def refuse(wishes: Wishes) -> Ended:
        rule = next(rules)
        return Ended(None, Refused(rule, f"words of {rule}", by="lab-b.example"))

    node.sessions.script = refuse
    job = await node.add(HOURLY)
    await node.world.forward(hours=4)
    assert [(run.code, run.times) for run in node.runs(job)] == [
        ("evaluations_per_period", 2),
        ("late_aborts", 1),
        ("evaluations_per_period", 1),
    ]
    assert node.runs(job)[0].words == "refused by lab-b.example: words of evaluations_per_period"


async def test_a_run_that_a_person_waits_for_keeps_its_row(node: JobNode) -> None:
    node.sessions.away.add("lab-b.example")
    job = await node.add(HOURLY)
    asked = [(await node.jobs.run(job)).id]
    await node.world.quiet()
    asked.append((await node.jobs.run(job)).id)
    await node.world.quiet()
    assert [(run.id, run.state, run.attempts) for run in node.runs(job)] == [
        (number, "failed", 1) for number in asked
    ]


async def test_jobs_of_one_agreement_and_pair_wait_for_each_other(node: JobNode) -> None:
    # WorldSessions fails the test when two are open at once.
    jobs = [await node.add(HOURLY) for _ in range(3)]
    other = await node.add(HOURLY, peer="lab-c.example")
    await node.world.forward(hours=1, minutes=5)
    begun = [(moment - START - timedelta(hours=1)).total_seconds() for moment, _ in node.sessions.tried]
    assert sorted(begun) == [0, 0, 10, 20]
    for job in (*jobs, other):
        assert brief(node.runs(job)) == [("done", 1, 1)]


async def test_a_paused_job_rests_and_what_came_meanwhile_is_no_misfire(node: JobNode) -> None:
    job = await node.add(HOURLY)
    paused = await node.jobs.pause("token 7", job)
    assert (paused.paused, paused.next_due) == ("2026-11-24T09:00:00Z", None)
    with pytest.raises(Conflict, match="paused already"):
        await node.jobs.pause("token 7", job)
    await node.world.forward(hours=3)
    await node.down()
    await node.up()
    await node.jobs.run(job)
    await node.world.forward(minutes=30)
    assert [run.asked for run in node.runs(job)] == [True]
    resumed = await node.jobs.resume("token 7", job)
    assert (resumed.paused, resumed.next_due) == (None, "2026-11-24T13:00:00Z")
    with pytest.raises(Conflict, match="not paused"):
        await node.jobs.resume("token 7", job)
    await node.world.forward(hours=1)
    assert brief(node.runs(job)) == [("done", 0, 1), ("done", 1, 1)]
    assert node.column("misfires", job) == 0


async def test_a_removed_job_is_gone_with_its_runs_and_its_number(node: JobNode) -> None:
    job = await node.add(HOURLY)
    await node.world.until(START + timedelta(hours=1, seconds=5))
    await node.jobs.remove("token 7", job)
    await node.world.forward(days=1)
    assert await node.jobs.list() == ()
    assert len(node.sessions.tried) == 1
    assert node.store.query_now(lambda db: db.execute("SELECT count(*) FROM job_runs").fetchone()[0]) == 0
    for act in (node.jobs.get(job), node.jobs.run(job), node.jobs.remove("token 7", job)):
        with pytest.raises(NotFound, match=f"no job {job}"):
            await act
    assert await node.add(HOURLY) == job + 1


async def test_changes_are_in_the_log_by_the_tokens_number(node: JobNode) -> None:
    job = await node.add("@daily", on_new=OnNew.parse("notify --secret s3cret", None))
    await node.jobs.pause("token 7", job)
    await node.jobs.resume("token 7", job)
    await node.jobs.remove("token 8", job)
    entries = [Entry.decode(data).body for data in await node.log.entries(0, 10)]
    added = {"peer": "lab-b.example", "cron": "@daily", "zone": "UTC", "on_new": "command"}
    assert entries == [
        {"action": "job-added", "by": "token 1", "job": 1, **added},
        {"action": "job-paused", "by": "token 7", "job": 1},
        {"action": "job-resumed", "by": "token 7", "job": 1},
        {"action": "job-removed", "by": "token 8", "job": 1},
    ]


async def test_a_node_that_refuses_to_sign_makes_no_jobs_and_keeps_those_it_has(node: JobNode) -> None:
    job = await node.add(HOURLY)
    node.log.refusal = "the log was set back"
    with pytest.raises(NodeRefusing):
        await node.add(HOURLY)
    with pytest.raises(NodeRefusing):
        await node.jobs.remove("token 1", job)
    assert [view.id for view in await node.jobs.list()] == [job]


async def test_the_look_finds_what_no_alarm_rang_for(node: JobNode) -> None:
    job = await node.add(HOURLY)
    node.alarms.due.clear()
    await node.world.forward(hours=1, minutes=10)
    assert (await node.late(job), (await node.jobs.get(job)).late) == (False, False)
    await node.world.forward(seconds=1)
    assert (await node.late(job), (await node.jobs.get(job)).late) == (True, True)
    await node.alarms.look()
    await node.world.forward(minutes=1)
    view = await node.jobs.get(job)
    assert (view.late, view.dues, view.misfires) == (False, 1, 1)
    assert node.alarms.due == {job: START + timedelta(hours=2)}


async def test_a_clock_that_was_a_year_ahead_does_not_silence_a_job_for_a_year(node: JobNode) -> None:
    job = await node.add(HOURLY)
    right = node.world.now
    node.world.now += timedelta(days=365)
    await node.scheduler.ring(job)
    await node.world.forward(minutes=1)
    node.world.now = right
    await node.alarms.look()
    assert node.column("next_due", job) == "2026-11-24T11:00:00Z"
    assert node.alarms.due == {job: START + timedelta(hours=2)}
    await node.down()
    await node.up()
    assert node.alarms.due == {job: START + timedelta(hours=2)}


async def test_a_clock_that_was_set_back_a_little_makes_nothing_due_again(node: JobNode) -> None:
    job = await node.add(HOURLY)
    await node.world.forward(hours=1, minutes=1)
    node.world.now -= timedelta(minutes=30)
    await node.alarms.look()
    assert node.column("next_due", job) == "2026-11-24T11:00:00Z"


async def test_an_alarm_that_rings_early_or_twice_begins_nothing(node: JobNode) -> None:
    job = await node.add(HOURLY)
    await node.scheduler.ring(job)
    await node.scheduler.ring(job + 1)
    assert node.sessions.tried == []
    node.world.now = START + timedelta(hours=1)
    ring = node.scheduler.ring
    for _ in range(3):
        node.world.spawn(ring(job))
    await node.world.quiet()
    await node.world.forward(minutes=1)
    assert len(node.sessions.tried) == 1
    assert node.column("dues", job) == 1


async def test_a_bug_in_one_run_is_written_down_and_the_next_runs(node: JobNode) -> None:
    calls = iter([ValueError("alice@example.org"), None])

    async def buggy(wishes: Wishes) -> Ended:
        bug = next(calls)
        if bug is not None:
            raise bug
        return Ended(session_of(wishes))

    node.sessions.script = buggy
    job = await node.add(HOURLY)
    await node.world.forward(hours=2)
    failed, done = node.runs(job)
    assert (failed.state, failed.code, done.state) == ("failed", "error", "done")
    assert "alice" not in str(failed)


async def test_old_runs_are_forgotten_and_what_they_covered_is_not(
    node: JobNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psi_service.jobs.run_rows.KEPT_RUNS", 3)
    job = await node.add(HOURLY)
    await node.world.forward(hours=6, minutes=1)
    assert [run.due for run in node.runs(job)] == [f"2026-11-24T{hour}:00:00Z" for hour in (13, 14, 15)]
    assert node.column("dues", job) == 6


async def test_commands_can_be_switched_off(node: JobNode) -> None:
    node.jobs._commands = False
    with pytest.raises(Conflict, match="job_commands"):
        await node.add(HOURLY, on_new=OnNew.parse("notify", None))
    assert await node.add(HOURLY, on_new=OnNew.parse(None, "https://hooks.example/x"))


async def test_there_is_a_bound_on_jobs(node: JobNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psi_service.jobs.service.MAX_JOBS", 2)
    assert [await node.add(HOURLY), await node.add(HOURLY)] == [1, 2]
    with pytest.raises(Conflict, match="2 jobs already"):
        await node.add(HOURLY)
