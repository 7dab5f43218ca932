"""Two labs agree: propose, accept, revoke, over the peers service and by file."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from psi_core.agreement.agreement import Agreement
from psi_core.errors import Conflict, InputError, InvalidText, NotFound
from psi_service.agreements.proposal import Proposal, ProposedEngine, ProposedLabels, ProposedMatchKey
from tests.offices import KEY, LAB_A, LAB_B, LAB_C, NOW, Office


def proposal(lab: str = LAB_B, **changes: Any) -> Proposal:
    fields = {"lab": lab, "title": "abuse sharing 2026", "match_keys": ({"match_key": "email"},), **changes}
    return Proposal.model_validate(fields)


async def test_propose_wait_accept_and_both_are_in_force(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    assert (proposed.state, proposed.peer, proposed.delivered) == ("proposed", LAB_B, "waiting")
    assert await b.states() == ["waiting"]
    accepted = await b.agreements.accept(proposed.hash[:6])
    assert (accepted.state, accepted.delivered) == ("in_force", "in_force")
    assert await a.states() == ["in_force"]
    for node in (a, b):
        view = await node.agreements.get(proposed.hash)
        both = (a.card.document_verifier, b.card.document_verifier)
        assert Agreement.open(view.note.encode(), *both).hash().hex() == proposed.hash
        assert (await node.agreements.in_force(a.lab if node is b else b.lab)).hash().hex() == proposed.hash


async def test_every_step_is_in_the_log_of_whoever_took_it_with_the_signed_note(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    await b.agreements.accept(proposed.hash)
    await a.agreements.revoke(proposed.hash, "end of pilot")
    at_a, at_b = await a.logged(), await b.logged()
    assert [(entry.kind, entry.body.get("action")) for entry in at_a] == [
        ("agreement", "proposed"),
        ("agreement", "in_force"),
        ("revocation", None),
    ]
    assert [(entry.kind, entry.body.get("action")) for entry in at_b] == [
        ("agreement", "accepted"),
        ("revocation", None),
    ]
    assert {entry.peer for entry in at_a} == {LAB_B}
    assert {entry.peer for entry in at_b} == {LAB_A}
    assert {entry.body["agreement"] for entry in (*at_a, *at_b)} == {proposed.hash}
    assert at_a[1].body["note"].splitlines()[:2] == at_b[0].body["note"].splitlines()[:2]
    assert at_a[2].body["note"] == at_b[1].body["note"]


async def test_what_is_left_out_takes_its_default_in_the_signed_text(a: Office) -> None:
    terms = (await a.agreements.propose(proposal(), send=False)).terms
    assert terms.labs == terms.learns == (LAB_A, LAB_B)
    assert terms.valid_from == terms.period_start == "2026-11-24T00:00:00Z"
    assert terms.valid_until == "2027-11-24T00:00:00Z"
    assert (terms.profile, terms.consortium_key_id) == (KEY.profile, KEY.key_id)
    assert terms.reveal == ("items",)
    assert [(each.engine, each.variant) for each in terms.engines] == [
        ("oprf", "verifiable"),
        ("vole", "malicious"),
        ("openmined", "semi-honest"),
    ]
    assert terms.created == "2026-11-24T09:30:00Z"


@pytest.mark.parametrize(("by_proposer", "how"), [(False, "declined"), (True, "withdrawn")])
async def test_both_labs_see_who_ended_a_proposal_when_and_why(
    a: Office, b: Office, by_proposer: bool, how: str
) -> None:
    proposed = await a.agreements.propose(proposal())
    await (a if by_proposer else b).agreements.revoke(proposed.hash, "too much")
    for node in (a, b):
        (view,) = await node.agreements.list()
        assert view.state == "revoked"
        assert view.ended is not None
        assert (view.ended.how, view.ended.by) == (how, LAB_A if by_proposer else LAB_B)
        assert (view.ended.at, view.ended.reason) == ("2026-11-24T09:30:00Z", "too much")


async def test_what_was_in_force_is_revoked_by_either(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    assert (await b.agreements.accept(proposed.hash)).ended is None
    await a.agreements.revoke(proposed.hash, "end of pilot")
    for node in (a, b):
        ended = (await node.agreements.get(proposed.hash)).ended
        assert ended is not None
        assert (ended.how, ended.by, ended.reason) == ("revoked", LAB_A, "end of pilot")


async def test_two_equal_proposals_are_two_agreements(a: Office) -> None:
    first = await a.agreements.propose(proposal(), send=False)
    second = await a.agreements.propose(proposal(), send=False)
    assert first.hash != second.hash


async def test_by_file_when_the_peer_cannot_be_reached(a: Office, b: Office) -> None:
    b.reachable = False
    proposed = await a.agreements.propose(proposal())
    assert proposed.delivered is None
    assert "no route" in (proposed.fault or "")
    assert "file" in (proposed.fault or "")
    assert await b.agreements.taken(proposed.note.encode()) == "waiting"
    a.reachable = False
    accepted = await b.agreements.accept(proposed.hash)
    assert accepted.fault is not None
    assert await a.states() == ["proposed"]
    assert await a.agreements.taken(accepted.note.encode()) == "in_force"


async def test_nothing_is_sent_when_asked_not_to_and_it_can_be_sent_later(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal(), send=False)
    assert (proposed.delivered, proposed.fault, a.sent) == (None, None, [])
    assert (await a.agreements.send(proposed.hash)).delivered == "waiting"
    accepted = await b.agreements.accept(proposed.hash, send=False)
    assert await a.states() == ["proposed"]
    assert (await b.agreements.send(accepted.hash)).delivered == "in_force"
    await a.agreements.revoke(proposed.hash, "end", send=False)
    assert (await a.agreements.send(proposed.hash)).delivered == "revoked"


async def test_a_note_that_comes_twice_changes_nothing(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    assert await b.agreements.received(LAB_A, proposed.note.encode()) == "known"
    accepted = await b.agreements.accept(proposed.hash)
    assert await a.agreements.received(LAB_B, accepted.note.encode()) == "known"
    assert await b.agreements.received(LAB_A, proposed.note.encode()) == "known"
    assert [await a.states(), await b.states()] == [["in_force"], ["in_force"]]
    assert [len(await a.logged()), len(await b.logged())] == [2, 1]


async def test_revocation_ends_it_on_both_sides_and_no_replay_brings_it_back(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    accepted = await b.agreements.accept(proposed.hash)
    ended = await b.agreements.revoke(proposed.hash, "end of pilot")
    assert (ended.state, ended.delivered) == ("revoked", "revoked")
    assert [await a.states(), await b.states()] == [["revoked"], ["revoked"]]
    for node, lab in ((a, LAB_B), (b, LAB_A)):
        assert (
            await node.agreements.received(
                lab, proposed.note.encode() if lab == LAB_A else accepted.note.encode()
            )
            == "known"
        )
        with pytest.raises(NotFound):
            await node.agreements.in_force(lab)
        with pytest.raises(Conflict, match="revoked"):
            await node.agreements.accept(proposed.hash)
        with pytest.raises(Conflict, match="revoked already"):
            await node.agreements.revoke(proposed.hash, "again")
    assert ended.revocation is not None
    assert await a.agreements.received(LAB_B, ended.revocation.encode()) == "known"
    assert [await a.states(), await b.states()] == [["revoked"], ["revoked"]]


async def test_a_proposal_is_declined_or_taken_back_by_revoking_it(a: Office, b: Office) -> None:
    declined = await a.agreements.propose(proposal())
    await b.agreements.revoke(declined.hash, "not these terms")
    taken_back = await a.agreements.propose(proposal())
    await a.agreements.revoke(taken_back.hash, "a slip")
    assert [set(await a.states()), set(await b.states())] == [{"revoked"}, {"revoked"}]
    with pytest.raises(Conflict):
        await b.agreements.accept(taken_back.hash)


async def test_an_acceptance_after_the_proposal_was_taken_back_does_not_count(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    await a.agreements.revoke(proposed.hash, "a slip", send=False)
    accepted = await b.agreements.accept(proposed.hash)
    assert accepted.delivered == "known"
    assert await a.states() == ["revoked"]


async def test_a_reason_has_visible_characters(a: Office) -> None:
    proposed = await a.agreements.propose(proposal(), send=False)
    for reason in ("", "two\nlines", "x" * 201):
        with pytest.raises(InvalidText, match="reason"):
            await a.agreements.revoke(proposed.hash, reason)
    assert await a.states() == ["proposed"]


async def test_they_are_listed_and_named_by_the_beginning_of_their_hash(a: Office, b: Office) -> None:
    first = await a.agreements.propose(proposal())
    await b.agreements.accept(first.hash)
    second = await a.agreements.propose(proposal(LAB_C))
    assert {view.hash for view in await a.agreements.list()} == {first.hash, second.hash}
    assert [view.hash for view in await a.agreements.list(state="in_force")] == [first.hash]
    assert [view.hash for view in await a.agreements.list(peer=LAB_C)] == [second.hash]
    assert (await a.agreements.get(first.hash[:8].upper())).hash == first.hash
    assert (await a.agreements.of_hash(bytes.fromhex(second.hash))).title == second.terms.title
    for prefix in ("", "abc", "xyz0", "%", first.hash + "0"):
        with pytest.raises(InputError):
            await a.agreements.get(prefix)
    with pytest.raises(NotFound):
        await a.agreements.get("0" * 64)
    with pytest.raises(NotFound):
        await a.agreements.of_hash(bytes(32))


async def test_the_agreement_to_run_under_is_named_when_there_are_several(a: Office, b: Office) -> None:
    first, second = [await a.agreements.propose(proposal()) for _ in range(2)]
    with pytest.raises(NotFound, match="in force"):
        await a.agreements.in_force(LAB_B)
    for proposed in (first, second):
        await b.agreements.accept(proposed.hash)
    with pytest.raises(Conflict, match="name one"):
        await a.agreements.in_force(LAB_B)
    assert (await a.agreements.in_force(LAB_B, second.hash[:12])).hash().hex() == second.hash
    await a.agreements.revoke(second.hash, "one is enough")
    assert (await a.agreements.in_force(LAB_B)).hash().hex() == first.hash
    with pytest.raises(NotFound):
        await a.agreements.in_force(LAB_B, second.hash)
    a.now = NOW + timedelta(days=365)
    with pytest.raises(NotFound):
        await a.agreements.in_force(LAB_B)


async def test_two_acceptances_at_once_make_one(a: Office, b: Office) -> None:
    proposed = await a.agreements.propose(proposal())
    views = await asyncio.gather(*(b.agreements.accept(proposed.hash) for _ in range(2)))
    assert [view.state for view in views] == ["in_force", "in_force"]
    assert len(await b.logged()) == 1
    again = await b.agreements.accept(proposed.hash)
    assert (again.state, again.delivered, len(await b.logged())) == ("in_force", "known", 1)


async def test_what_daily_runs_tell_is_said_where_oprf_is_agreed(a: Office) -> None:
    view = await a.agreements.propose(proposal(), send=False)
    words = await a.agreements.text_for_people(view.hash)
    assert "an item queried once is matched against later additions" in words
    assert f"numbers of changes are shown in multiples of {view.terms.padding_bucket:,}" in words
    assert "stay sealed" not in words
    without = proposal(engines=(ProposedEngine(engine="openmined"),))
    plain = await a.agreements.propose(without, send=False)
    assert "daily runs" not in await a.agreements.text_for_people(plain.hash)


async def test_labels_are_granted_by_each_lab_whose_peer_learns(a: Office) -> None:
    both = proposal(labels=(ProposedLabels(fields=("first_seen", "severity")),))
    terms = (await a.agreements.propose(both, send=False)).terms
    assert [terms.granted(lab) for lab in (LAB_A, LAB_B)] == [("severity", "first_seen")] * 2
    more = ProposedLabels(lab=LAB_B, fields=("campaign", "severity"))
    one = proposal(learns=(LAB_A,), labels=(ProposedLabels(fields=("severity",)), more))
    view = await a.agreements.propose(one, send=False)
    assert [view.terms.granted(lab) for lab in (LAB_A, LAB_B)] == [(), ("severity", "campaign")]
    words = await a.agreements.text_for_people(view.hash)
    assert f"{LAB_B} says severity, campaign of each match, to {LAB_A} alone" in words
    assert "70 bytes an item" in words
    assert "an item that it\n                  queries later hears what was said of it before" in words
    none = await a.agreements.propose(proposal(), send=False)
    assert none.terms.labels is None
    assert "neither lab says anything of what matches" in await a.agreements.text_for_people(none.hash)


async def test_labels_that_cannot_be_are_not_proposed(a: Office) -> None:
    for labels in (
        ProposedLabels(fields=("value",)),
        ProposedLabels(lab="lab-c.example", fields=("severity",)),
    ):
        with pytest.raises(InvalidText, match="labels"):
            await a.agreements.propose(proposal(labels=(labels,)), send=False)


async def test_all_of_it_is_said_in_words(a: Office) -> None:
    asked = proposal(
        match_keys=(
            ProposedMatchKey(match_key="email", max_size=20_000, evaluations_per_period=90_000),
            ProposedMatchKey(match_key="card", max_size=60_000, evaluations_per_period=70_000),
        ),
        reveal=("items", "count"),
        learns=(LAB_B,),
        period_seconds=7 * 86_400,
        minimum_interval_seconds=5400,
        late_abort_limit=9,
    )
    view = await a.agreements.propose(asked, send=False)
    words = await a.agreements.text_for_people(view.hash)
    for field, value in view.terms.model_dump(mode="json").items():
        if isinstance(value, str):
            assert value in words, field
    for expected in (
        f"Agreement {view.hash[:4]}",
        view.hash,
        f"who learns      {LAB_B}\n",
        "20,000 / 90,000 (4 full runs a period)",
        "60,000 / 70,000 (1 full run a period; values can be enumerated)",
        "which of its own items matched; or how many",
        "openmined, semi-honest: both labs are trusted to follow the protocol",
        "7 days",
        "90 minutes",
        "multiples of 1,024",
        "more than 9 sessions",
    ):
        assert expected in words
