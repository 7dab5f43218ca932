"""Bearer tokens: what opens, what does not, what is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from psi_core.errors import Conflict, InputError, NodeRefusing, NotFound, Unauthenticated
from psi_core.log.key import Signer
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store
from psi_service.tokens import Role, Tokens

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@dataclass
class Desk:
    """A store with its log, a clock that the test moves, and the tokens."""

    store: Store
    log: NodeLog
    now: datetime = NOW

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.store, self.log, lambda: self.now)

    async def bodies(self) -> list[dict[str, object]]:
        return [json.loads(entry)["body"] for entry in await self.log.entries(0, 100)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    with Store.open(tmp_path / "data", lambda: NOW) as store:
        log = NodeLog(store, Signer.generate("lab-a.example/psi-log"), tmp_path / "head", lambda: NOW)
        await log.verify_at_start()
        yield Desk(store, log)


async def test_a_token_opens_and_says_whose_it_is(desk: Desk) -> None:
    await desk.tokens.create("another", Role.AUDITOR)
    made = await desk.tokens.create("Ada", Role.ANALYST)
    assert await desk.tokens.check(made.token) == made.view
    assert (made.view.name, made.view.role, made.view.created) == ("Ada", "analyst", "2026-11-24T09:30:00Z")


async def test_tokens_have_32_random_bytes_and_only_their_hash_is_kept(desk: Desk, tmp_path: Path) -> None:
    tokens = [(await desk.tokens.create("Ada", Role.OPERATOR)).token for _ in range(3)]
    assert len(set(tokens)) == 3
    assert all(token.startswith("psi_") and len(token) == 4 + 43 for token in tokens)
    hashes = await desk.store.query(lambda db: [row["hash"] for row in db["tokens"].rows])
    assert hashes == [hashlib.sha256(token.encode()).digest() for token in tokens]
    for file in (tmp_path / "data").iterdir():
        content = file.read_bytes()
        assert not any(token.encode() in content or token[4:].encode() in content for token in tokens)


async def test_a_new_token_is_not_in_its_own_repr(desk: Desk) -> None:
    made = await desk.tokens.create("Ada", Role.OPERATOR)
    assert made.token not in repr(made)


async def test_no_other_string_opens(desk: Desk) -> None:
    made = (await desk.tokens.create("Ada", Role.OPERATOR)).token
    last = "A" if made[-1] != "A" else "B"
    stored = hashlib.sha256(made.encode()).hexdigest()
    for wrong in (
        "",
        "psi_",
        made[:-1],
        made[:-1] + last,
        made + "=",
        made.upper(),
        made[4:],
        stored,
        "\ud800",
    ):
        with pytest.raises(Unauthenticated):
            await desk.tokens.check(wrong)


async def test_a_token_ends_at_its_expiry(desk: Desk) -> None:
    made = await desk.tokens.create("Ada", Role.ANALYST, timedelta(days=1))
    assert made.view.expires == "2026-11-25T09:30:00Z"
    desk.now = NOW + timedelta(days=1, seconds=-1)
    await desk.tokens.check(made.token)
    desk.now = NOW + timedelta(days=1)
    with pytest.raises(Unauthenticated):
        await desk.tokens.check(made.token)


async def test_a_revoked_token_opens_nothing_in_the_same_words_as_an_unknown_one(desk: Desk) -> None:
    made, other = [await desk.tokens.create(name, Role.OPERATOR) for name in ("Ada", "Bob")]
    desk.now = NOW + timedelta(hours=1)
    revoked = await desk.tokens.revoke(made.view.id)
    assert revoked.revoked == "2026-11-24T10:30:00Z"
    words = set()
    for token in (made.token, "psi_unknown"):
        with pytest.raises(Unauthenticated) as caught:
            await desk.tokens.check(token)
        words.add(caught.value.message)
    assert len(words) == 1
    await desk.tokens.check(other.token)
    with pytest.raises(Conflict, match="revoked already"):
        await desk.tokens.revoke(made.view.id)
    with pytest.raises(NotFound):
        await desk.tokens.revoke(99)


async def test_making_and_revoking_are_logged_by_number(desk: Desk) -> None:
    made = await desk.tokens.create("Ada", Role.ANALYST, timedelta(days=1))
    await desk.tokens.revoke(made.view.id)
    created, revoked = await desk.bodies()
    assert created == {
        "action": "token-created",
        "token": made.view.id,
        "role": "analyst",
        "expires": "2026-11-25T09:30:00Z",
    }
    assert revoked == {"action": "token-revoked", "token": made.view.id}


async def test_a_refusing_node_neither_makes_nor_revokes(desk: Desk) -> None:
    made = await desk.tokens.create("Ada", Role.OPERATOR)
    desk.log.refusal = "the log was set back"
    with pytest.raises(NodeRefusing):
        await desk.tokens.create("Bob", Role.OPERATOR)
    with pytest.raises(NodeRefusing):
        await desk.tokens.revoke(made.view.id)
    assert await desk.tokens.list() == (made.view,), "what could not be logged is rolled back"
    assert await desk.tokens.check(made.token) == made.view


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=-1)])
async def test_a_lifetime_is_more_than_nothing(desk: Desk, lifetime: timedelta) -> None:
    with pytest.raises(InputError):
        await desk.tokens.create("Ada", Role.OPERATOR, lifetime)


async def test_a_name_is_short_visible_text(desk: Desk) -> None:
    for name in ("", "x" * 201, "two\nlines"):
        with pytest.raises(InputError, match="1 to 200 visible"):
            await desk.tokens.create(name, Role.OPERATOR)
    assert await desk.tokens.list() == ()
