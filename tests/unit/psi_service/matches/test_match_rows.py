"""One row for each own actor and peer: what matched, how much it weighs, when it was seen, whether it is new."""

from __future__ import annotations

import pytest

from psi_core.errors import InputError, NotFound
from psi_core.kinds import RARITY_RULES, STRENGTH_RULES
from psi_service.matches.facts import Scope, read_facts
from tests.match_office import CONSORTIUM_KEY, DATA_KEY, LAB_B, LAB_C, MatchOffice


async def test_rows_strongest_first(busy: MatchOffice) -> None:
    rows = await busy.matches.list(peer=LAB_B)
    assert [(row.actor, row.matched, row.of, row.strength) for row in rows] == [
        ("acct-1", ("card", "email"), 2, "strong"),
        ("acct-3", ("email",), 1, "medium"),
        ("acct-2", ("ip+user_agent",), 1, "weak"),
    ]
    assert rows[0].why == (STRENGTH_RULES[1].words,)


async def test_each_peer_has_rows_of_its_own(busy: MatchOffice) -> None:
    rows = await busy.matches.list()
    assert {(row.actor, row.peer) for row in rows} == {
        ("acct-1", LAB_B),
        ("acct-2", LAB_B),
        ("acct-3", LAB_B),
        ("acct-1", LAB_C),
    }


async def test_matched_and_total_per_match_key(busy: MatchOffice) -> None:
    rows = {row.actor: row for row in await busy.matches.list(peer=LAB_B)}
    email = next(key for key in rows["acct-1"].match_keys if key.match_key == "email")
    assert (email.matched, email.total, email.shared) == (1, 2, 2)
    joined = rows["acct-2"].match_keys[0]
    assert (joined.match_key, joined.matched, joined.total, joined.shared) == ("ip+user_agent", 1, 2, 1)


async def test_times_and_marking_are_those_of_what_matched(busy: MatchOffice) -> None:
    """The other email of acct-1 was seen earlier and later and is red: it did not match."""
    rows = {row.actor: row for row in await busy.matches.list(peer=LAB_B)}
    assert (rows["acct-1"].first_seen, rows["acct-1"].last_seen) == ("2026-02-03", "2026-10-30")
    assert rows["acct-1"].tlp == "amber+strict"
    assert (rows["acct-2"].first_seen, rows["acct-2"].last_seen) == ("2026-06-11", "2026-06-12")
    assert rows["acct-2"].tlp == "clear"
    assert (rows["acct-3"].first_seen, rows["acct-3"].last_seen, rows["acct-3"].tlp) == (None, None, None)


async def test_ip_takes_times_from_the_address_that_matched(office: MatchOffice) -> None:
    office.suspects("acct-1", {"ipv6": ["2001:db8::1"]}, seen=("2026-01-01", "2026-01-02"))
    office.suspects("acct-1", {"ipv4": ["192.0.2.1"]}, seen=("2026-03-03", "2026-03-04"))
    office.session("s1", LAB_B, {"ip": [("acct-1", {"ipv6": "2001:db8::1"})]})
    (row,) = await office.matches.list()
    assert (row.first_seen, row.last_seen) == ("2026-01-01", "2026-01-02")
    assert (row.match_keys[0].matched, row.match_keys[0].total) == (1, 2)


async def test_a_value_that_many_own_actors_share_weighs_less(office: MatchOffice) -> None:
    for number in range(21):
        office.suspects(f"acct-{number}", {"email": ["support@example.com"]})
    office.suspects("acct-0", {"email": ["rare@example.com"]})
    common = [(f"acct-{number}", {"email": "support@example.com"}) for number in range(21)]
    office.session("s1", LAB_B, {"email": [*common, ("acct-0", {"email": "rare@example.com"})]})
    rows = {row.actor: row for row in await office.matches.list()}
    assert (rows["acct-0"].strength, rows["acct-0"].match_keys[0].shared) == ("medium", 1)
    assert (rows["acct-1"].strength, rows["acct-1"].match_keys[0].shared) == ("weak", 21)
    assert rows["acct-1"].why[1] == f"email {RARITY_RULES[0].words}"


async def test_of_counts_match_keys_that_were_compared_and_that_the_actor_has(office: MatchOffice) -> None:
    office.suspects("acct-1", {"email": ["a@x.org"], "phone": ["+493012345678"], "asn": ["64496"]})
    office.suspects("acct-2", {"email": ["b@x.org"], "user_agent": [f"bot {n}" for n in range(9)]})
    office.suspects("acct-2", {"ipv4": [f"192.0.2.{n}" for n in range(8)]})
    office.session(
        "s1",
        LAB_B,
        {
            "email": [("acct-1", {"email": "a@x.org"}), ("acct-2", {"email": "b@x.org"})],
            "phone": [],
            "device_id": [],
            "ip+user_agent": [],
        },
    )
    # asn was not compared; acct-2 has 72 combinations of ip+user_agent, and was left out of it.
    assert {row.actor: row.of for row in await office.matches.list()} == {"acct-1": 2, "acct-2": 1}


async def test_new_is_what_the_newest_session_found_first(busy: MatchOffice) -> None:
    assert all(row.new for row in await busy.matches.list())
    busy.suspects("acct-3", {"card": ["5555555555554444"]})
    busy.session(
        "s3",
        LAB_B,
        {
            "email": [("acct-1", {"email": "john@gmail.com"}), ("acct-3", {"email": "john@gmail.com"})],
            "card": [("acct-3", {"card": "5555555555554444"})],
        },
    )
    rows = {(row.actor, row.peer): row for row in await busy.matches.list()}
    assert {at for at, row in rows.items() if row.new} == {("acct-3", LAB_B), ("acct-1", LAB_C)}
    assert [key.match_key for key in rows["acct-3", LAB_B].match_keys if key.new] == ["card"]
    assert {row.actor for row in await busy.matches.list(peer=LAB_B, only_new=True)} == {"acct-3"}


async def test_a_session_in_which_we_did_not_learn_makes_nothing_old(busy: MatchOffice) -> None:
    busy.session("s3", LAB_B, {"email": []})
    busy.store.transaction_now(
        lambda db: db.conn.execute("UPDATE sessions SET own_results = NULL WHERE session_id = 's3'")
    )
    assert all(row.new for row in await busy.matches.list(peer=LAB_B))


async def test_rows_of_one_session(busy: MatchOffice) -> None:
    busy.session("s3", LAB_B, {"email": [("acct-3", {"email": "john@gmail.com"})]})
    (row,) = await busy.matches.list(session="s3")
    assert (row.actor, row.matched, row.new) == ("acct-3", ("email",), False)
    earlier = {row.actor: row for row in await busy.matches.list(session="s1")}
    assert set(earlier) == {"acct-1", "acct-2", "acct-3"}
    assert all(row.new for row in earlier.values())
    with pytest.raises(NotFound, match="no session"):
        await busy.matches.list(session="s9")


async def test_a_pending_result_is_not_shown(busy: MatchOffice) -> None:
    busy.suspects("acct-4", {"email": ["x@example.com"]})
    matched = [("acct-4", {"email": "x@example.com"}), ("acct-1", {"email": "john@gmail.com"})]
    busy.session("s3", LAB_B, {"email": matched}, state="pending")
    assert "acct-4" not in {row.actor for row in await busy.matches.list()}
    with pytest.raises(NotFound, match="pending"):
        await busy.matches.list(session="s3")
    # Not even by its name: the email of acct-1 was shown before, that it matched again was not.
    assert busy.store.query_now(lambda db: read_facts(db, Scope(session="s3"), DATA_KEY)).keys == ()


async def test_a_row_shows_what_its_peer_says_of_all_that_matched(office: MatchOffice) -> None:
    office.suspects("acct-1", {"email": ["a@x.org", "b@x.org"], "card": ["4242424242424242"]})
    one = {"email": [("acct-1", {"email": "a@x.org"})]}
    office.session("s1", LAB_B, one, said={"severity": "low", "campaign": "fox", "first_seen": "2026-02-03"})
    office.session("s2", LAB_B, {"email": [("acct-1", {"email": "b@x.org"})]}, said={"severity": "high"})
    office.session(
        "s3", LAB_B, {"card": [("acct-1", {"card": "4242424242424242"})]}, said={"campaign": "owl"}
    )
    office.session("s4", LAB_C, one, said={})
    said = {row.peer: (row.labels, {key.match_key: key.labels for key in row.match_keys})
            for row in await office.matches.list()}  # fmt: skip
    assert said == {
        LAB_B: (
            {"severity": "high", "campaign": "fox; owl", "first_seen": "2026-02-03"},
            {
                "card": {"campaign": "owl"},
                "email": {"severity": "high", "campaign": "fox", "first_seen": "2026-02-03"},
            },
        ),
        LAB_C: ({}, {"email": {}}),
    }
    # A session without labels leaves what was said, one with an empty label takes it back.
    office.session("s5", LAB_B, one)
    assert (await office.matches.show("acct-1"))[0].labels["first_seen"] == "2026-02-03"
    office.session("s6", LAB_B, one, said={})
    assert (await office.matches.show("acct-1"))[0].labels == {"severity": "high", "campaign": "owl"}


async def test_what_a_peer_says_of_a_false_positive_does_not_count(office: MatchOffice) -> None:
    office.suspects("acct-1", {"email": ["a@x.org"], "card": ["4242424242424242"]})
    office.session("s1", LAB_B, {"email": [("acct-1", {"email": "a@x.org"})]}, said={"severity": "low"})
    office.session(
        "s2", LAB_B, {"card": [("acct-1", {"card": "4242424242424242"})]}, said={"severity": "high"}
    )
    row = await office.matches.mark("acct-1", LAB_B, "false positive", "card")
    assert row.labels == {"severity": "low"}


async def test_an_erased_actor_is_gone(busy: MatchOffice) -> None:
    busy.store.transaction_now(lambda db: db.conn.execute("DELETE FROM actors WHERE id = 1"))
    assert {row.actor for row in await busy.matches.list()} == {"acct-2", "acct-3"}


async def test_a_row_shows_no_fingerprint(busy: MatchOffice) -> None:
    marks = busy.store.query_now(lambda db: db.conn.execute("SELECT fingerprint FROM indicators").fetchall())
    rows = await busy.matches.list()
    shown = " ".join(row.model_dump_json() for row in rows)
    assert marks
    assert not any(bytes(mark).hex() in shown for (mark,) in marks)
    assert CONSORTIUM_KEY.hex() not in shown
    assert "acct-1" not in repr(rows[0])


async def test_nothing_matched_yet(office: MatchOffice) -> None:
    assert await office.matches.list() == ()
    assert (await office.matches.matrix()).peers == ()


async def test_show_one_actor(busy: MatchOffice) -> None:
    assert [row.peer for row in await busy.matches.show(" acct-1 ")] == [LAB_B, LAB_C]
    busy.suspects("acct-9", {"email": ["y@example.com"]})
    assert await busy.matches.show("acct-9") == ()
    with pytest.raises(NotFound, match="no actor") as missing:
        await busy.matches.show("acct-77")
    assert "77" not in str(missing.value)
    with pytest.raises(InputError):
        await busy.matches.show("")


async def test_matrix(busy: MatchOffice) -> None:
    matrix = await busy.matches.matrix()
    assert matrix.match_keys == ("card", "email", "email_mailbox", "ip+user_agent")
    assert [(row.peer, row.actors, row.by_match_key) for row in matrix.peers] == [
        (LAB_B, 3, {"card": 1, "email": 2, "email_mailbox": 0, "ip+user_agent": 1}),
        (LAB_C, 1, {"card": 0, "email": 0, "email_mailbox": 1, "ip+user_agent": 0}),
    ]


async def test_rules_are_the_table_itself(office: MatchOffice) -> None:
    rules = office.matches.rules()
    assert [rule.words for rule in rules] == [rule.words for rule in (*STRENGTH_RULES, *RARITY_RULES)]
    assert [rule.strength for rule in rules[:2]] == ["strong", "strong"]
