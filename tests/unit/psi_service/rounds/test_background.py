"""What runs in the background goes on after faults, foreseen or not, and stops when it is told."""

from __future__ import annotations

import asyncio

import pytest

from psi_core.errors import NodeRefusing
from psi_service.rounds.background import Background
from psi_service.rounds.retention_rounds import RetentionRounds


class Faulty:
    """Fails, and counts how often it was asked."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault
        self.calls = 0
        self.twice = asyncio.Event()

    async def expire(self) -> int:
        self.calls += 1
        if self.calls == 2:
            self.twice.set()
        raise self.fault

    async def abort_lapsed(self) -> None:
        raise self.fault


@pytest.mark.parametrize("fault", [NodeRefusing("set back"), ZeroDivisionError("a bug")])
async def test_rounds_go_on_after_a_fault_and_stop(fault: Exception) -> None:
    faulty = Faulty(fault)
    rounds = RetentionRounds(faulty, faulty, 0)  # type: ignore[arg-type] # stands in for both
    rounds.start()
    async with asyncio.timeout(10):
        await faulty.twice.wait()
        await rounds.stop()
    calls = faulty.calls
    await asyncio.sleep(0)
    assert faulty.calls == calls


async def test_a_bug_is_told_in_the_journal(capsys: pytest.CaptureFixture[str]) -> None:
    faulty = Faulty(ZeroDivisionError("a bug"))
    rounds = Background("some rounds", faulty.expire, 0, at_once=True)
    rounds.start()
    async with asyncio.timeout(10):
        await faulty.twice.wait()
        await rounds.stop()
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert "some rounds" in said
    assert "a round failed" in said


async def test_the_first_round_waits_unless_it_is_asked_for_at_once() -> None:
    faulty = Faulty(NodeRefusing("x"))
    rounds = Background("rounds", faulty.expire, 3600)
    await rounds.stop()
    rounds.start()
    await asyncio.sleep(0)
    await rounds.stop()
    assert faulty.calls == 0
