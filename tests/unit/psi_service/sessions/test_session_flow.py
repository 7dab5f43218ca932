"""Whole sessions between two labs: who learns what, what both books hold afterwards."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from psi_core.log.entry import EntryKind
from psi_core.log.note import Note
from psi_core.session.closing import Record
from psi_core.session.results import commitment
from psi_service.sessions.members import current_members
from tests.two_labs import LAB_A, LAB_B, Lab, agreement_between, run, two_labs

OURS = {
    "a-1": {"email": ["both@x.org"], "device_id": ["v:1"]},
    "a-2": {"email": ["only-a@x.org"], "ipv4": ["192.0.2.1"], "user_agent": ["curl"]},
    "a-3": {"ipv4": ["192.0.2.7", "192.0.2.8"], "user_agent": ["bot", "bot 2"]},
    "a-4": {"email": ["both@x.org"]},
}
THEIRS = {
    "b-1": {"email": ["both@x.org", "more@x.org"], "device_id": ["v:2"]},
    "b-2": {"ipv4": ["192.0.2.1"], "user_agent": ["other"]},
    "b-3": {"ipv4": ["192.0.2.8"], "user_agent": ["bot"]},
}


async def prepared(tmp_path: Path) -> tuple[Lab, Lab, object]:
    a, b, terms = await two_labs(tmp_path)
    a.suspects(OURS)
    b.suspects(THEIRS)
    return a, b, terms


@pytest.mark.parametrize(
    ("direction", "a_learns", "b_learns"),
    [
        ("both", True, True),
        ("initiator", True, False),
        ("responder", False, True),
    ],
)
async def test_each_direction_tells_the_right_labs_the_right_actors(tmp_path, direction, a_learns, b_learns):
    a, b, terms = await prepared(tmp_path)
    view = await run(a, b, terms, direction=direction)
    assert view.state == "complete", view.reason
    expected_a = {"a-1": {"email"}, "a-4": {"email"}, "a-3": {"ip+user_agent"}}
    expected_b = {"b-1": {"email"}, "b-3": {"ip+user_agent"}}
    assert a.matched() == (expected_a if a_learns else {})
    assert b.matched() == (expected_b if b_learns else {})
    await a.stop()
    await b.stop()


async def test_both_logs_hold_one_record_with_both_signatures(tmp_path):
    a, b, terms = await prepared(tmp_path)
    view = await run(a, b, terms)
    first = a.entries(EntryKind.COUNTERSIGNED)[0].body["note"].encode()
    second = b.entries(EntryKind.RECORD)[0].body["note"].encode()
    assert Note.parse(first).text == Note.parse(second).text
    record = Record.open(first, a.card.document_verifier, b.card.document_verifier)
    Record.open(second, a.card.document_verifier, b.card.document_verifier)
    assert record.outcome == "ok"
    assert [lane.results.initiator for lane in record.lanes] == ["1", "0", "1"]
    assert [lane.results.responder for lane in record.lanes] == ["1", "0", "1"]
    assert record.session_id == view.session_id
    assert [lane.matched for lane in view.lanes] == [1, 0, 1]
    assert (view.actors, view.new_actors) == (3, 3)
    await a.stop()
    await b.stop()


async def test_where_one_lab_learns_the_record_holds_a_commitment_that_only_it_can_open(tmp_path):
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, direction="initiator", match_keys=["email"])
    record = Record.unverified(b.entries(EntryKind.RECORD)[0].body["note"].encode())
    row = a.table("sessions")[0]
    salt = bytes.fromhex(json.loads(row["salts"])[0])
    assert record.lanes[0].results.initiator == commitment(1, salt)
    assert record.lanes[0].results.responder is None
    assert b.table("sessions")[0]["salts"] is None
    await a.stop()
    await b.stop()


async def test_count_tells_a_number_and_no_item(tmp_path):
    a, b, terms = await prepared(tmp_path)
    view = await run(a, b, terms, reveal="count")
    assert [lane.matched for lane in view.lanes] == [1, 0, 1]
    assert a.matched() == b.matched() == {}
    assert a.table("session_matches") == b.table("session_matches") == []
    await a.stop()
    await b.stop()


async def test_the_order_of_entries_shows_consent_debit_and_barrier_before_the_result(tmp_path):
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, direction="initiator", match_keys=["email", "device_id"])
    assert [each.kind.value for each in a.entries()] == [
        "snapshot",
        "snapshot",
        "offer",
        "decision",
        "pre-record",
        "record",
        "countersigned",
        "checkpoint",
    ]
    assert [each.kind.value for each in b.entries()] == [
        "snapshot",
        "snapshot",
        "offer",
        "decision",
        "pre-record",
        "record",
        "checkpoint",
    ]
    await a.stop()
    await b.stop()


async def test_each_node_debits_what_the_other_may_test(tmp_path):
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, direction="both", match_keys=["email"])
    await run(a, b, terms, direction="initiator", match_keys=["email"])
    assert [(row["receiver"], row["evaluations"]) for row in a.table("debits")] == [(LAB_B, 64)]
    assert [(row["receiver"], row["evaluations"]) for row in b.table("debits")] == [(LAB_A, 64)] * 2
    logged = [each.body["debits"] for each in b.entries(EntryKind.DECISION)]
    assert logged == [[{"evaluations": 64, "lane": 0, "match_key": "email", "receiver": LAB_A}]] * 2
    await a.stop()
    await b.stop()


async def test_card_numbers_in_the_email_lane_match_nothing_and_are_debited_to_email(tmp_path):
    a, b, terms = await two_labs(tmp_path)
    a.suspects({"a-1": {"email": ["4111111111111111"]}})
    b.suspects({"b-1": {"card": ["4111111111111111"]}})
    view = await run(a, b, terms, match_keys=["email"])
    assert view.lanes[0].matched == 0
    assert {row["match_key"] for row in b.table("debits")} == {"email"}
    await a.stop()
    await b.stop()


async def test_counters_and_previous_follow_each_other_in_both_orders(tmp_path):
    a, b, terms = await prepared(tmp_path)
    for starter, other in ((a, b), (a, b), (b, a), (a, b)):
        assert (await run(starter, other, terms)).state == "complete"
    for lab in (a, b):
        highest = {(row["initiator"], row["responder"]): row["highest"] for row in lab.table("counters")}
        assert highest == {(LAB_A, LAB_B): 3, (LAB_B, LAB_A): 1}
    assert a.table("counters") == b.table("counters")
    await a.stop()
    await b.stop()


async def test_an_actor_with_too_many_combinations_is_left_out_of_that_match_key_alone(tmp_path):
    a, b, terms = await two_labs(tmp_path)
    many = {"ipv4": [f"192.0.2.{n}" for n in range(9)], "user_agent": [f"agent {n}" for n in range(8)]}
    a.suspects({"a-1": many | {"email": ["x@y.org"]}})
    b.suspects({"b-1": {"ipv4": ["192.0.2.1"], "user_agent": ["agent 1"], "email": ["x@y.org"]}})
    view = await run(a, b, terms)
    assert a.matched() == {"a-1": {"email"}}
    assert view.left_out == 1
    await a.stop()
    await b.stop()


async def test_two_sessions_of_opposite_order_overlap(tmp_path):
    a, b, terms = await prepared(tmp_path)
    forth = await a.sessions.start(LAB_B, agreement=terms.hash().hex(), direction="both")
    back = await b.sessions.start(LAB_A, agreement=terms.hash().hex(), direction="both")
    assert (await a.sessions.wait(forth)).state == "complete"
    assert (await b.sessions.wait(back)).state == "complete"
    await a.stop()
    await b.stop()


def _salts(lab):
    members = lab.store.query_now(lambda db: current_members(db, LAB_B, "email"))
    return dict(zip(members.elements, members.salts, strict=True))


async def test_salts_stay_with_an_element_and_snapshots_are_of_padded_size(tmp_path):
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, match_keys=["email"])
    before = _salts(a)
    a.suspects({"a-9": {"email": ["new@x.org"]}})
    await run(a, b, terms, match_keys=["email"])
    after = _salts(a)
    assert len(before) == len(after) == 48
    assert sum(before.get(element) == salt for element, salt in after.items()) == 47
    commitments = [each.body["commitment"] for each in a.entries(EntryKind.SNAPSHOT)]
    assert len(set(commitments)) == 2
    await a.stop()
    await b.stop()


async def test_another_consortium_key_fails_loudly_through_the_canaries(tmp_path):
    a, b, terms = await prepared(tmp_path)
    b.consortium = replace(a.consortium, key=b"\x07" * 32)
    view = await run(a, b, terms)
    assert view.state == "aborted"
    assert "canaries" in view.reason
    assert view.late
    assert a.matched() == b.matched() == {}
    await a.stop()
    await b.stop()


async def test_counts_that_differ_are_signed_as_fault_and_not_shown(tmp_path):
    a, b, _ = await two_labs(tmp_path)
    terms = agreement_between()
    a.agree(terms)
    b.agree(terms)
    a.suspects({"a-1": {"email": ["x@y.org"]}})
    b.suspects({"b-1": {"email": ["x@y.org"]}})
    plain = b.engines["openmined"]

    class Forgetful(type(plain)):
        """Serves a set in which its own first match is replaced."""

        def sender(self, lane, worker):
            filler = [bytes(31) + bytes([n]) for n in range(len(lane.items) - 16)]
            return super().sender(replace(lane, items=[*filler, *lane.items[-16:]]), worker)

    b.engines["openmined"] = Forgetful()
    view = await run(a, b, terms, match_keys=["email"])
    assert view.state == "fault"
    assert view.lanes[0].matched is None
    assert a.matched() == b.matched() == {}
    record = Record.unverified(b.entries(EntryKind.RECORD)[0].body["note"].encode())
    assert record.outcome == "fault"
    assert (record.lanes[0].results.initiator, record.lanes[0].results.responder) == ("0", "1")
    await a.stop()
    await b.stop()


async def test_an_earlier_session_still_says_what_it_matched(tmp_path):
    a, b, terms = await prepared(tmp_path)
    first = await run(a, b, terms)
    a.suspects({"a-9": {"email": ["late@x.org"]}})
    b.suspects({"b-9": {"email": ["late@x.org"]}})
    second = await run(a, b, terms)
    assert (second.actors, second.new_actors) == (first.actors + 1, 1)
    again = await a.sessions.get(first.session_id)
    assert (again.actors, again.new_actors) == (first.actors, first.new_actors)
    await a.stop()
    await b.stop()
