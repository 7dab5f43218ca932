"""What is shown of own actors: counts and times, in pages; no value, no fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from psi_core.errors import InputError, NotFound, StoreError
from psi_service.actors.reference import seal_reference
from psi_service.actors.service import ActorService
from psi_service.actors.views import KindCount
from psi_service.imports.batch import IndicatorRow
from psi_service.imports.keeping import keep
from psi_service.store.database import Store

KEY = bytes(range(32))
NOW = "2026-11-24T09:30:00Z"


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Seven actors; the one of number n has n addresses, and every third a derived mailbox too."""
    with Store.open(tmp_path, clock) as opened:
        for number in range(7):
            found, sealed = seal_reference(KEY, f"acct-{number}")
            rows = [_row(found, "ipv4", each, first=f"2026-0{each + 1}-01") for each in range(number)]
            rows += [_row(found, "email_mailbox", 9, derived=1, last="2026-09-01")] if number % 3 == 0 else []
            opened.transaction_now(lambda db, f=found, s=sealed, r=rows: keep(db, {f: s}, r, NOW))
        yield opened


def _row(
    actor: bytes,
    kind: str,
    number: int,
    *,
    derived: int = 0,
    first: str | None = None,
    last: str | None = None,
) -> IndicatorRow:
    mark = b"fingerprint" + bytes([number])
    return IndicatorRow(actor, kind, mark, derived, first, last, *[None] * 6)


async def test_show(store: Store) -> None:
    actor = await ActorService(store, KEY).show(" acct-3 ")
    assert (actor.reference, actor.created, actor.indicators) == ("acct-3", NOW, 4)
    assert actor.kinds == (
        KindCount(kind="email_mailbox", count=1, derived=1),
        KindCount(kind="ipv4", count=3, derived=0),
    )
    assert (actor.first_seen, actor.last_seen) == ("2026-01-01", "2026-09-01")
    assert "fingerprint" not in actor.model_dump_json()


async def test_an_actor_without_times(store: Store) -> None:
    actor = await ActorService(store, KEY).show("acct-1")
    assert (actor.first_seen, actor.last_seen) == ("2026-01-01", None)


async def test_pages_hold_every_actor_once(store: Store) -> None:
    service = ActorService(store, KEY)
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = await service.list(limit=3, after=after)
        assert page.total == 7
        seen += [actor.reference for actor in page.actors]
        after = page.next
    assert seen == [f"acct-{number}" for number in range(7)]


async def test_a_page_that_ends_with_the_last_actor_has_no_next(store: Store) -> None:
    assert (await ActorService(store, KEY).list(limit=7)).next is None


async def test_pages_of_one_kind(store: Store) -> None:
    service = ActorService(store, KEY)
    page = await service.list(kind="email_mailbox", limit=2)
    assert ([actor.reference for actor in page.actors], page.total) == (["acct-0", "acct-3"], 3)
    assert page.next is not None
    page = await service.list(kind="email_mailbox", limit=2, after=page.next)
    assert ([actor.reference for actor in page.actors], page.next) == (["acct-6"], None)


async def test_refused(store: Store) -> None:
    service = ActorService(store, KEY)
    with pytest.raises(NotFound):
        await service.show("acct-99")
    with pytest.raises(InputError):
        await service.show("")
    for limit, after in ((0, 0), (501, 0), (1, -1)):
        with pytest.raises(InputError):
            await service.list(limit=limit, after=after)


async def test_another_data_key_finds_and_opens_nothing(store: Store) -> None:
    service = ActorService(store, bytes(32))
    with pytest.raises(NotFound):
        await service.show("acct-1")
    with pytest.raises(StoreError):
        await service.list()
