"""What is purged while a session runs: neither its matches nor its salts come back."""

import asyncio

import pytest

from psi_core.kinds.fingerprint import fingerprint
from psi_service.sessions.progress import Phase
from psi_service.sessions.stillness import Stillness
from tests.two_labs import KEY, run, two_labs

BOTH = {"email": ["both@x.org", "also@x.org"], "ipv4": ["192.0.2.1", "192.0.2.2"], "user_agent": ["curl"]}


@pytest.mark.parametrize(
    ("kind", "value", "left"),
    [
        ("email", "both@x.org", {"email": 1, "ip+user_agent": 2}),
        ("ipv4", "192.0.2.1", {"email": 2, "ip+user_agent": 1}),
    ],
)
async def test_an_indicator_purged_since_the_freeze_is_no_match(tmp_path, kind, value, left):
    a, b, terms = await two_labs(tmp_path)
    for lab in (a, b):
        lab.suspects({"x": BOTH})

    def purge(session_id: str, phase: Phase) -> None:
        if phase is Phase.BARRIER:
            gone = (
                "DELETE FROM indicators WHERE kind = ? AND fingerprint = ?",
                (kind, fingerprint(KEY, kind, value)),
            )
            a.store.transaction_now(lambda db: db.execute(*gone) and None)

    a.sessions._watch = purge
    view = await run(a, b, terms, match_keys=["email", "ip+user_agent"])
    assert view.state == "complete"
    for table, lab, counts in (("matches", a, left), ("matches", b, {"email": 2, "ip+user_agent": 2})):
        rows = [row["match_key"] for row in lab.table(table)]
        assert {name: rows.count(name) for name in left} == counts
    assert {row["match_key"] for row in a.table("session_matches")} == set(left)
    await a.stop()
    await b.stop()


async def test_a_purge_waits_for_freezes_and_goes_before_those_that_come_later():
    stillness, order = Stillness(), []
    frozen = asyncio.Event()

    async def freeze(name: str, until: asyncio.Event | None = None) -> None:
        async with stillness.kept():
            order.append(f"{name} frozen")
            if until is not None:
                await until.wait()
            order.append(f"{name} entered")

    async def purge() -> None:
        async with stillness.broken():
            order.append("purge begins")
            await asyncio.sleep(0)
            order.append("purge ends")

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(freeze("first", frozen))
        group.create_task(freeze("second", frozen))
        await asyncio.sleep(0)
        group.create_task(purge())
        await asyncio.sleep(0)
        group.create_task(freeze("third"))
        await asyncio.sleep(0)
        assert order == ["first frozen", "second frozen"]
        frozen.set()
    assert order[2:] == [
        "first entered",
        "second entered",
        "purge begins",
        "purge ends",
        "third frozen",
        "third entered",
    ]


async def test_a_freeze_that_fails_or_is_cancelled_lets_the_purge_begin():
    stillness = Stillness()
    with pytest.raises(ZeroDivisionError):
        async with stillness.kept():
            raise ZeroDivisionError
    waiting = asyncio.create_task(asyncio.Event().wait())

    async def freeze() -> None:
        async with stillness.kept():
            await waiting

    task = asyncio.create_task(freeze())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(10), stillness.broken():
        pass


async def test_the_freezer_keeps_still_until_the_commitments_are_logged(tmp_path):
    a, b, terms = await two_labs(tmp_path)
    a.suspects({"x": {"email": ["a@x.org"]}})
    async with a.freezer.frozen(b.name, ["email"], KEY, terms):
        purge = asyncio.ensure_future(a.freezer.stillness.broken().__aenter__())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not purge.done()
    await asyncio.wait_for(purge, 10)
    await a.stop()
    await b.stop()


async def test_a_purge_is_seen_by_who_watched_before_it():
    stillness = Stillness()
    async with stillness.kept():
        before = stillness.watch()
    async with stillness.kept():
        assert before()
    async with stillness.broken():
        # From its first moment on: what it does may be done already.
        assert not before()
    assert not before()
    assert stillness.watch()()
