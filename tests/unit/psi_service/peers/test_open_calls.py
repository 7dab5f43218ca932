"""Open calls end with a reason, once, and a caller's own cancellation stays one."""

from __future__ import annotations

import asyncio

import pytest

from psi_core.errors import AccessDenied, Refused, SessionAborted
from psi_service.peers.open_calls import OpenCalls

A, B = "lab-a.example", "lab-b.example"
REMOVED = AccessDenied("no longer peers")


async def serve(calls: OpenCalls, lab: str, *, clean_up: float = 0) -> None:
    with calls.serving(lab):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(clean_up)


async def started(*calls) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    return tasks


async def test_ending_a_lab_raises_the_reason_in_its_calls_and_leaves_others():
    calls = OpenCalls()
    first, second, other = await started(serve(calls, A), serve(calls, A, clean_up=0.01), serve(calls, B))
    assert (calls.count(A), calls.count(B)) == (2, 1)
    assert calls.end(A, REMOVED) == 2
    for task in (first, second):
        with pytest.raises(AccessDenied, match="no longer peers"):
            await task
    assert (calls.count(A), calls.count(B)) == (0, 1)
    assert not other.done()
    assert calls.end_all(SessionAborted("stopping")) == 1
    with pytest.raises(SessionAborted, match="stopping"):
        await other


async def test_the_first_reason_counts():
    calls = OpenCalls()
    (task,) = await started(serve(calls, A, clean_up=0.01))
    calls.end(A, REMOVED)
    await asyncio.sleep(0)
    calls.end_all(SessionAborted("stopping"))
    with pytest.raises(AccessDenied):
        await task


async def test_a_cancellation_from_elsewhere_stays_a_cancellation():
    calls = OpenCalls()
    (task,) = await started(serve(calls, A))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls.count(A) == 0


async def test_a_call_is_told_the_reason_while_it_is_cancelled():
    calls = OpenCalls()
    told = []

    async def listens() -> None:
        with calls.serving(A):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as cancelled:
                told.extend(cancelled.args)
                raise

    (task,) = await started(listens())
    calls.end(A, REMOVED)
    with pytest.raises(AccessDenied):
        await task
    assert told == [REMOVED]


async def test_a_call_that_swallows_its_cancellation_ends_with_the_reason_all_the_same():
    calls = OpenCalls()

    async def stubborn() -> None:
        with calls.serving(A):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return

    (task,) = await started(stubborn())
    calls.end(A, REMOVED)
    with pytest.raises(AccessDenied):
        await task


async def test_the_task_goes_on_normally_after_the_reason_was_caught():
    calls = OpenCalls()

    async def survives() -> str:
        try:
            await serve(calls, A)
        except AccessDenied:
            async with asyncio.timeout(1):  # looks at the count of cancellations
                await asyncio.sleep(0)
            return "went on"
        return "was not ended"

    (task,) = await started(survives())
    calls.end(A, REMOVED)
    assert await task == "went on"
    assert not task.cancelling()


async def test_a_lab_has_a_limit_and_another_lab_its_own():
    calls = OpenCalls(most_per_lab=2)
    tasks = await started(serve(calls, A), serve(calls, A), serve(calls, B))
    with pytest.raises(Refused, match="2 calls are open already") as caught:
        await serve(calls, A)
    assert caught.value.rule == "concurrent"
    calls.end_all(REMOVED)
    await asyncio.gather(*tasks, return_exceptions=True)
    with calls.serving(A):
        assert calls.count(A) == 1


async def test_what_we_opened_is_told_by_its_own_callback():
    calls = OpenCalls()
    told = []
    with calls.entered(A, told.append):
        calls.end(A, REMOVED)
    calls.end(A, SessionAborted("too late"))
    assert told == [REMOVED]
