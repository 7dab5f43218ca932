"""What an analyst says about a match, and how long it is remembered."""

from __future__ import annotations

import pytest

from psi_core.errors import InputError, InvalidMatchKey, NotFound
from psi_service.matches.views import MatchRow
from tests.match_office import LAB_B, LAB_C, MatchOffice


def by_actor(rows: tuple[MatchRow, ...]) -> dict[str, MatchRow]:
    return {row.actor: row for row in rows}


async def test_a_match_begins_as_a_lead(busy: MatchOffice) -> None:
    assert {row.status for row in await busy.matches.list()} == {"to review"}


async def test_confirmed_is_kept_with_its_time_and_towards_one_peer(busy: MatchOffice) -> None:
    row = await busy.matches.mark("acct-1", LAB_B, "confirmed")
    assert (row.actor, row.peer, row.status) == ("acct-1", LAB_B, "confirmed")
    found = await busy.matches.show("acct-1")
    assert {row.peer: row.status for row in found} == {LAB_B: "confirmed", LAB_C: "to review"}
    noted = busy.store.query_now(
        lambda db: db.conn.execute("SELECT DISTINCT noted FROM matches WHERE status = 'confirmed'").fetchall()
    )
    assert noted == [("2026-11-24T11:00:00Z",)]
    assert set(by_actor(await busy.matches.list(status="confirmed"))) == {"acct-1"}


async def test_a_false_positive_is_hidden_unless_asked_for(busy: MatchOffice) -> None:
    row = await busy.matches.mark("acct-2", LAB_B, "false positive")
    assert (row.status, row.strength) == ("false positive", "weak")
    assert "acct-2" not in by_actor(await busy.matches.list())
    assert by_actor(await busy.matches.list(include_false_positives=True))["acct-2"] == row
    assert set(by_actor(await busy.matches.list(status="false positive"))) == {"acct-2"}
    assert (await busy.matches.show("acct-2")) == (row,)


async def test_it_holds_per_match_key_and_the_others_still_count(busy: MatchOffice) -> None:
    await busy.matches.mark("acct-1", LAB_B, "false positive", "card")
    row = by_actor(await busy.matches.list(peer=LAB_B))["acct-1"]
    assert (row.matched, row.strength, row.status) == (("email",), "medium", "to review")
    assert (row.first_seen, row.last_seen, row.tlp) == ("2026-02-03", "2026-05-01", "green")
    assert [key.match_key for key in row.match_keys] == ["email"]
    whole = by_actor(await busy.matches.list(peer=LAB_B, include_false_positives=True))["acct-1"]
    assert (whole.matched, whole.strength) == (("email",), "medium")
    assert [(key.match_key, key.status) for key in whole.match_keys] == [
        ("card", "false positive"),
        ("email", "to review"),
    ]


async def test_it_holds_per_own_actor_and_peer(busy: MatchOffice) -> None:
    await busy.matches.mark("acct-1", LAB_B, "false positive")
    assert {(row.actor, row.peer) for row in await busy.matches.list()} == {
        ("acct-2", LAB_B),
        ("acct-3", LAB_B),
        ("acct-1", LAB_C),
    }


async def test_it_stays_one_in_later_sessions_also_on_another_value(busy: MatchOffice) -> None:
    await busy.matches.mark("acct-1", LAB_B, "false positive", "email")
    again = [("acct-1", {"email": "john@gmail.com"}), ("acct-1", {"email": "other@example.com"})]
    busy.session("s3", LAB_B, {"email": again})
    row = by_actor(await busy.matches.list(peer=LAB_B))["acct-1"]
    assert row.matched == ("card",)
    assert not row.new
    assert "acct-1" not in by_actor(await busy.matches.list(session="s3"))


async def test_it_can_be_taken_back(busy: MatchOffice) -> None:
    await busy.matches.mark("acct-1", LAB_B, "false positive")
    row = await busy.matches.mark("acct-1", LAB_B, "to review", "email")
    assert (row.matched, row.status) == (("email",), "to review")


async def test_matrix_leaves_false_positives_out(busy: MatchOffice) -> None:
    await busy.matches.mark("acct-1", LAB_B, "false positive", "email")
    await busy.matches.mark("acct-2", LAB_B, "false positive")
    row = (await busy.matches.matrix()).peers[0]
    assert (row.actors, row.by_match_key) == (2, {"card": 1, "email": 1, "email_mailbox": 0})


@pytest.mark.parametrize(
    ("reference", "peer", "match_key"),
    [
        ("acct-77", LAB_B, None),
        ("acct-2", LAB_C, None),
        ("acct-2", LAB_B, "email"),
        ("acct-2", "lab-x.example", None),
    ],
)
async def test_what_did_not_match_cannot_be_marked(
    busy: MatchOffice, reference: str, peer: str, match_key: str | None
) -> None:
    with pytest.raises(NotFound) as missing:
        await busy.matches.mark(reference, peer, "confirmed", match_key)
    assert reference not in str(missing.value)


async def test_other_words_are_refused(busy: MatchOffice) -> None:
    with pytest.raises(InputError, match="to review, confirmed, false positive"):
        await busy.matches.mark("acct-1", LAB_B, "guilty")  # type: ignore[arg-type]  # what a caller may send
    with pytest.raises(InputError, match="status"):
        await busy.matches.list(status="guilty")  # type: ignore[arg-type]  # what a caller may send
    with pytest.raises(InvalidMatchKey):
        await busy.matches.mark("acct-1", LAB_B, "confirmed", "nonsense")
