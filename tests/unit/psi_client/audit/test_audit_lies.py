"""Every lie of the issue's list, planted in logs that are honest but for it, and found at its entry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from psi_client.audit import Auditor, Claim, Place, Report, State
from psi_client.audit.claims import ONE_LOG
from psi_client.audit.replay.books import Books
from psi_client.audit.two_logs import TWO_LOGS
from psi_core import native_core
from psi_core.agreement.agreement import MatchKeyTerms, Revocation
from psi_core.engines.oprf.evidence import entry_body
from psi_core.engines.oprf.key import EpochKey, state
from psi_core.log.entry import EntryKind
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_core.log.tiles import encode_bundle, entries_path, tiles_of
from psi_core.log.withheld import for_peer
from psi_core.log.witness_policy import WitnessPolicy
from psi_core.session.opening import Abort, Offer, Refuse, SessionLabels
from tests.logged_labs import Lab, Line, Session, a_year_of, cosign, honest, session

A, B = "lab-a.example/psi-log", "lab-b.example/psi-log"
TOPICS = [type(topic) for topic in Books("lab-a.example").topics.values()]
GIVEN = {"append-only since the last audit", "seen by witnesses"}
"""Claims that need more than logs and keys."""


def report_on(folder: Path, *labs: Lab, **given: object) -> Report:
    folders = [lab.export(folder / f"{lab.name}-{len(lab.entries)}") for lab in labs]
    keys = [key for lab in labs for key in lab.verifiers]
    auditor = Auditor(keys, **given)  # type: ignore[arg-type]  # whatever a test gives
    report = auditor.verify(folders)
    # A topic is told of entries of its KINDS alone: told of every entry, it finds the same.
    with pytest.MonkeyPatch.context() as patch:
        for topic in TOPICS:
            patch.setattr(topic, "KINDS", frozenset(EntryKind))
        assert auditor.verify(folders) == report
    return report


def broken(report: Report) -> dict[str, Claim]:
    return {claim.name: claim for claim in report.claims if claim.state is State.BROKEN}


def places(claim: Claim) -> list[tuple[str, int]]:
    return [(place.log, place.position) for place in claim.entries]


def test_honest_sessions_are_proven_whole(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    report = report_on(tmp_path, lab_a, lab_b)
    assert [claim.name for claim in report.claims] == [*ONE_LOG, *ONE_LOG, *TWO_LOGS]
    assert {claim.name for claim in report.claims if claim.state is not State.PROVEN} == GIVEN
    report.check()


def test_lie_fork_shown_to_two_auditors(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    twin = Lab("lab-a.example", 1)
    for data in lab_a.entries[:9]:
        twin.add_bytes(data)
    twin.pad(4)
    folders = [lab_a.export(tmp_path / "one"), twin.export(tmp_path / "two")]
    report = Auditor([*lab_a.verifiers, *lab_b.verifiers]).verify(folders)
    claim = broken(report)["one log for all viewers"]
    assert places(claim) == [(A, 9)]
    assert "fork" in claim.words
    with pytest.raises(Exception, match="one log for all viewers"):
        report.check()


def test_two_copies_of_different_length_are_one_log(lab_a: Lab, tmp_path: Path) -> None:
    lab_a.pad(3)
    early = lab_a.export(tmp_path / "early")
    lab_a.pad(300)
    report = Auditor(lab_a.verifiers).verify([early, lab_a.export(tmp_path / "late")])
    assert (report.claims[-1].name, report.claims[-1].state) == ("one log for all viewers", State.PROVEN)


def test_lie_rolled_back_log_by_the_peers_checkpoint(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, _ = honest(lab_a, lab_b)
    size = len(lab_a.entries)
    session(lab_a, lab_b, terms, 3, previous="0" * 64).write()
    old = Lab("lab-a.example", 1)
    for data in lab_a.entries[:size]:
        old.add_bytes(data)
    found = broken(report_on(tmp_path, old, lab_b))
    assert "set back" in found["no fork between the labs"].words
    # Going on from the old state with other entries is a fork.
    old.pad(30)
    found = broken(report_on(tmp_path, old, lab_b))
    assert "a fork" in found["no fork between the labs"].words


def test_lie_rolled_back_log_by_a_saved_checkpoint(lab_a: Lab, tmp_path: Path) -> None:
    lab_a.pad(20)
    saved = lab_a.checkpoint()
    short, other = Lab("lab-a.example", 1), Lab("lab-a.example", 1)
    short.pad(19)
    other.add(EntryKind.ADMIN, {"other": True})
    other.pad(30)
    name = "append-only since the last audit"
    assert "set back" in broken(report_on(tmp_path, short, since=[saved]))[name].words
    assert "forked" in broken(report_on(tmp_path, other, since=[saved]))[name].words
    lab_a.pad(5)
    honest_claims = {claim.name: claim for claim in report_on(tmp_path, lab_a, since=[saved]).claims}
    assert honest_claims[name].state is State.PROVEN
    assert "from 20 entries to 25" in honest_claims[name].words


def test_a_saved_checkpoint_of_another_key_or_log_proves_nothing(
    lab_a: Lab, lab_b: Lab, tmp_path: Path
) -> None:
    forger = Lab("lab-a.example", 99)
    for lab in (lab_a, lab_b, forger):
        lab.pad(3)
    name = "append-only since the last audit"
    for saved in (forger.checkpoint(), lab_b.checkpoint()):
        (claim,) = [each for each in report_on(tmp_path, lab_a, since=[saved]).claims if each.name == name]
        assert claim.state is State.NOT_PROVABLE


def test_lie_session_in_one_log_only(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, done = honest(lab_a, lab_b)
    last = session(lab_a, lab_b, terms, 3, previous=done[-1].record.hash().hex())
    tags = {line.tag for line in last.lines} - {"checkpoint"}
    first = len(lab_a.entries)
    last.without(lab_b, *tags).write()
    claim = broken(report_on(tmp_path, lab_a, lab_b))["session in both logs"]
    # The Accept, the pre-record and the countersigned record: lab-b signed them, and does not log them.
    assert "3 texts" in claim.words
    assert {log for log, _ in places(claim)} == {A}
    assert all(position > first for _, position in places(claim))


def test_a_session_that_an_older_copy_cannot_have_is_no_lie(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, done = honest(lab_a, lab_b)
    last = session(lab_a, lab_b, terms, 3, previous=done[-1].record.hash().hex())
    last.without(lab_b, *{line.tag for line in last.lines}).without(lab_a, "checkpoint").write()
    report = report_on(tmp_path, lab_a, lab_b)
    assert not broken(report)
    (claim,) = [each for each in report.claims if each.name == "session in both logs"]
    assert (claim.state, "export it again" in claim.words) == (State.NOT_PROVABLE, True)


def test_lie_record_whose_halves_differ(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    one = session(lab_a, lab_b, terms, 1)
    two = session(lab_a, lab_b, terms, 1, counts=("2", "2"))
    other = tuple(line for line in two.lines if line.lab is lab_b and line.tag == "record")
    mixed = Session(one.offer, one.accept, one.record, one.without(lab_b, "record").lines + other)
    mixed.write()
    claim = broken(report_on(tmp_path, lab_a, lab_b))["same record in both logs"]
    assert {log for log, _ in places(claim)} == {A, B}


def test_lie_session_outside_its_agreement(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    cases = {
        "ended": {"agreement": "9" * 64},
        "direction": {"direction": "both"},
    }
    narrow = a_year_of(lab_a, lab_b, learns=("lab-b.example",))
    at = session(lab_a, lab_b, terms, 1, offer=cases["ended"]).write()["lab-a.example", "decision"]
    then = session(lab_a, lab_b, narrow, 2).write()["lab-a.example", "decision"]
    claim = broken(report_on(tmp_path, lab_a))["sessions within their agreement"]
    assert places(claim) == [(A, at), (A, then)]
    assert "no earlier entry holds" in claim.words


def test_lie_labels_that_the_agreement_does_not_grant(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    labels = SessionLabels(initiator=("severity",))
    at = session(lab_a, lab_b, terms, 1, offer={"labels": labels}).write()["lab-a.example", "decision"]
    claim = broken(report_on(tmp_path, lab_a))["sessions within their agreement"]
    assert places(claim) == [(A, at)]
    assert "severity of lab-a.example asked, which it does not grant" in claim.words


def test_lie_agreement_of_one_signature(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    alone = Lab("lab-a.example", 1)
    alone.add(EntryKind.AGREEMENT, {"action": "in_force", "note": terms.signed(alone.document).decode()})
    session(alone, lab_b, terms, 1).write()
    assert "sessions within their agreement" in broken(report_on(tmp_path, alone, lab_b))


def test_lie_before_and_after_the_agreement(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    later = a_year_of(lab_a, lab_b, valid_from="2026-11-24T00:00:01Z")
    over = a_year_of(lab_a, lab_b, valid_until="2026-11-24T00:00:00Z")
    at = [session(lab_a, lab_b, terms, 1 + n).write() for n, terms in enumerate((later, over))]
    claim = broken(report_on(tmp_path, lab_a))["sessions within their agreement"]
    assert [position for _, position in places(claim)] == [
        each["lab-a.example", "decision"] for each in at[:1]
    ]


def test_lie_revoked_agreement_used(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, done = honest(lab_a, lab_b)
    note = Revocation(
        agreement=terms.hash().hex(), lab="lab-b.example", reason="no more", created="2026-11-24T00:00:00Z"
    ).signed(lab_b.document)
    for lab in (lab_a, lab_b):
        lab.add(EntryKind.REVOCATION, {"agreement": terms.hash().hex(), "note": note.decode()})
    at = session(lab_a, lab_b, terms, 3, previous=done[-1].record.hash().hex()).write()
    found = broken(report_on(tmp_path, lab_a, lab_b))
    claim = found["sessions within their agreement"]
    assert places(claim) == [(B, at["lab-b.example", "decision"])]
    assert "revoked" in claim.words


def _budget(evaluations: int) -> dict[str, Sequence[MatchKeyTerms]]:
    lane = MatchKeyTerms(match_key="email", max_size=128, evaluations_per_period=evaluations)
    return {"match_keys": (lane,)}


def test_lie_budget_exceeded(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b, **_budget(2 * 128))
    previous, at = "0" * 64, {}
    for counter in (1, 2, 3):
        made = session(lab_a, lab_b, terms, counter, previous=previous)
        at, previous = made.write(), made.record.hash().hex()
    report = report_on(tmp_path, lab_a, lab_b)
    claims = [claim for claim in report.claims if claim.name == "budgets kept"]
    assert [claim.state for claim in claims] == [State.BROKEN, State.BROKEN]
    assert places(claims[0]) == [(A, at["lab-a.example", "decision"])]
    assert "0 left until" in claims[0].words


def test_lie_debits_written_smaller(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    made = session(lab_a, lab_b, terms, 1)

    def smaller(line: Line) -> Line:
        body = line.body() if line.tag == "decision" else {}
        if not body or line.lab is not lab_b:
            return line
        body["debits"] = [{**body["debits"][0], "evaluations": 1}]
        return Line(line.lab, line.tag, line.kind, lambda: body)

    at = Session(made.offer, made.accept, made.record, tuple(map(smaller, made.lines))).write()
    claim = broken(report_on(tmp_path, lab_a, lab_b))["budgets kept"]
    assert places(claim) == [(B, at["lab-b.example", "decision"])]


def test_lie_counter_gap_without_its_entry(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, done = honest(lab_a, lab_b)
    at = session(lab_a, lab_b, terms, 4, previous=done[-1].record.hash().hex()).write()
    report = report_on(tmp_path, lab_a, lab_b)
    claims = [claim for claim in report.claims if claim.name == "counters complete"]
    assert [places(claim) for claim in claims] == [
        [(A, at["lab-a.example", "offer"])],
        [(B, at["lab-b.example", "offer"])],
    ]
    assert "counter 4 came where 3 was due" in claims[0].words


def refuse(by: Lab, offer: Offer, rule: str, highest: str | None = None) -> Refuse:
    return Refuse(
        session_id=offer.session_id,
        offer=offer.hash().hex(),
        by=by.name,
        rule=rule,
        words="no",
        highest_offer=highest,
    )


def log_refused(lab: Lab, offer: Offer, initiator: Lab, answer: bytes, gap: dict[str, int] | None) -> None:
    lab.add(EntryKind.OFFER, {"note": offer.signed(initiator.document).decode()})
    body = {"note": answer.decode(), "session_id": offer.session_id, "accepted": False}
    lab.add(EntryKind.DECISION, body)
    if gap is not None:
        hash_ = Refuse.unverified(answer).hash().hex()
        lab.add(EntryKind.GAP, {"session_id": offer.session_id, "refuse": hash_, **gap})


def test_a_gap_that_both_account_for_is_complete(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    """lab-a lost two offers (a restored backup): refused, both log the gap, and go on above it."""
    terms, done = honest(lab_a, lab_b)
    previous = done[-1].record.hash().hex()
    lost = session(lab_a, lab_b, terms, 7, previous=previous).offer
    again = session(lab_a, lab_b, terms, 3, previous=previous, offer={"session_id": "e" * 32}).offer
    unanswered = refuse(lab_b, lost, "counter", done[-1].offer.signed(lab_a.document).decode())
    log_refused(lab_b, lost, lab_a, unanswered.signed(lab_b.document), {"expected": 3, "got": 7})
    answer = refuse(lab_b, again, "counter", lost.signed(lab_a.document).decode()).signed(lab_b.document)
    log_refused(lab_b, again, lab_a, answer, {"expected": 8, "got": 3})
    log_refused(lab_a, again, lab_a, answer, {"expected": 8, "got": 3})
    session(lab_a, lab_b, terms, 8, previous=previous).write()
    claims = [
        claim for claim in report_on(tmp_path, lab_a, lab_b).claims if claim.name == "counters complete"
    ]
    assert [claim.state for claim in claims] == [State.PROVEN, State.PROVEN]
    # What lab-a lost and lab-b holds is found all the same.
    assert "session in both logs" in broken(report_on(tmp_path, lab_a, lab_b))


def test_lie_a_gap_that_accounts_for_nothing(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    at = lab_a.add(EntryKind.GAP, {"session_id": "0" * 32, "expected": 9, "got": 3, "refuse": "0" * 64})
    assert places(broken(report_on(tmp_path, lab_a, lab_b))["counters complete"]) == [(A, at)]


def test_lie_replayed_session_id(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, done = honest(lab_a, lab_b)
    again = session(
        lab_a,
        lab_b,
        terms,
        3,
        previous=done[-1].record.hash().hex(),
        offer={"session_id": done[0].offer.session_id},
    )
    at = again.write()
    claim = broken(report_on(tmp_path, lab_a, lab_b))["no session replayed"]
    assert (A, at["lab-a.example", "offer"]) in places(claim) or (B, at["lab-b.example", "offer"]) in places(
        claim
    )


def test_a_replayed_id_that_is_refused_is_no_lie(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, done = honest(lab_a, lab_b)
    again = session(lab_a, lab_b, terms, 3, offer={"session_id": done[0].offer.session_id}).offer
    answer = refuse(lab_b, again, "session_id").signed(lab_b.document)
    for lab in (lab_a, lab_b):
        log_refused(lab, again, lab_a, answer, None)
    report = report_on(tmp_path, lab_a, lab_b)
    assert not broken(report)


@pytest.mark.parametrize(("counts", "direction"), [(("65", "65"), "both"), (("3", "x"), "both")])
def test_lie_count_larger_than_a_set(
    lab_a: Lab, lab_b: Lab, tmp_path: Path, counts: tuple[str, str], direction: str
) -> None:
    terms = a_year_of(lab_a, lab_b)
    counts = ("3", "1" * 64) if counts[1] == "x" else counts
    at = session(lab_a, lab_b, terms, 1, counts=counts).write()
    claim = broken(report_on(tmp_path, lab_a, lab_b))["result sizes consistent"]
    assert places(claim) in (
        [(A, at["lab-a.example", "countersigned"])],
        [(B, at["lab-b.example", "record"])],
    )


def test_a_sealed_result_is_not_provable(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    made = session(lab_a, lab_b, terms, 1, offer={"direction": "initiator"})
    lane = made.record.lanes[0].model_copy(
        update={
            "results": made.record.lanes[0].results.model_copy(
                update={"initiator": "c" * 64, "responder": None}
            )
        }
    )
    made = session(lab_a, lab_b, terms, 1, offer={"direction": "initiator"}, record_of={"lanes": (lane,)})
    made.write()
    report = report_on(tmp_path, lab_a, lab_b)
    states = {claim.name: claim.state for claim in report.claims}
    assert states["result sizes consistent"] is State.NOT_PROVABLE


def test_lie_two_counts_called_good(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    session(lab_a, lab_b, terms, 1, counts=("2", "3"), record_of={"outcome": "ok"}).write()
    assert {"result sizes consistent", "records follow from their offers"} <= set(
        broken(report_on(tmp_path, lab_a, lab_b))
    )


def test_a_fault_of_two_counts_is_told_and_no_lie(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    session(lab_a, lab_b, terms, 1, counts=("2", "3")).write()
    assert not broken(report_on(tmp_path, lab_a, lab_b))


@pytest.mark.parametrize("name", ["lab-a.example", "lab-b.example"])
def test_lie_snapshot_committed_after_its_session(lab_a: Lab, lab_b: Lab, tmp_path: Path, name: str) -> None:
    liar = {lab.name: lab for lab in (lab_a, lab_b)}[name]
    terms = a_year_of(lab_a, lab_b)
    at = session(lab_a, lab_b, terms, 1).last(liar, "snapshot").write()
    claim = broken(report_on(tmp_path, lab_a, lab_b))["sets committed before their session"]
    tag = "offer" if liar is lab_a else "decision"
    assert places(claim) == [(liar.log_key.name, at[name, tag])]


def test_lie_snapshot_of_another_set(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    made = session(lab_a, lab_b, terms, 1)
    other = Line(
        lab_a,
        "snapshot",
        EntryKind.SNAPSHOT,
        lambda: {
            "session_id": made.offer.session_id,
            "match_key": "email",
            "padded_size": 64,
            "commitment": "c" * 64,
        },
    )
    lines = (other, *made.without(lab_a, "snapshot").lines)
    Session(made.offer, made.accept, made.record, lines).write()
    assert "sets committed before their session" in broken(report_on(tmp_path, lab_a, lab_b))


def test_lie_no_pre_record_before_the_record(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    session(lab_a, lab_b, terms, 1).without(lab_b, "peer pre-record").write()
    found = broken(report_on(tmp_path, lab_a, lab_b))
    assert found["receivers announced before the record"].logs == (B,)


def test_lie_record_without_a_session(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    made = session(lab_a, lab_b, terms, 1)
    made.without(lab_b, "offer").write()
    assert "records follow from their offers" in broken(report_on(tmp_path, lab_a, lab_b))


def test_lie_record_with_another_agreement_than_its_offer(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    session(lab_a, lab_b, terms, 1, record_of={"agreement": "9" * 64}).write()
    assert "records follow from their offers" in broken(report_on(tmp_path, lab_a, lab_b))


def test_lie_record_taken_out_of_the_chain(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms, done = honest(lab_a, lab_b)
    at = session(lab_a, lab_b, terms, 3, previous=done[0].record.hash().hex()).write()
    assert places(broken(report_on(tmp_path, lab_a, lab_b))["records chained"]) == [
        (B, at["lab-b.example", "offer"])
    ]


def test_lie_interval_not_kept(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b, minimum_interval_seconds=3600)
    one = session(lab_a, lab_b, terms, 1)
    one.write()
    session(lab_a, lab_b, terms, 2, previous=one.record.hash().hex()).write()
    assert "intervals kept" in broken(report_on(tmp_path, lab_a, lab_b))


def test_lie_too_many_late_aborts(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b, late_abort_limit=0)
    one = session(lab_a, lab_b, terms, 1)
    one.without(lab_b, "record").without(lab_a, "record", "countersigned").write()
    for lab in (lab_a, lab_b):
        note = Abort(
            session_id=one.offer.session_id,
            offer=one.offer.hash().hex(),
            by=lab.name,
            late=True,
            code="x",
            words="x",
        ).signed(lab.document)
        lab.add(EntryKind.ABORT, {"note": note.decode()})
    assert not broken(report_on(tmp_path, lab_a, lab_b))
    at = session(lab_a, lab_b, terms, 2).write()
    assert places(broken(report_on(tmp_path, lab_a, lab_b))["intervals kept"]) == [
        (B, at["lab-b.example", "decision"])
    ]


def test_lie_an_offer_that_another_key_signed(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    made = session(lab_a, lab_b, terms, 1)
    body = {"note": made.offer.signed(lab_b.document).decode()}
    forged = Line(lab_b, "offer", EntryKind.OFFER, lambda: body)
    lines = [forged if (line.lab, line.tag) == (lab_b, "offer") else line for line in made.lines]
    at = Session(made.offer, made.accept, made.record, tuple(lines)).write()
    claim = broken(report_on(tmp_path, lab_a, lab_b))["session texts signed"]
    assert places(claim) == [(B, at["lab-b.example", "offer"])]
    # A signature line of the right key over other words.
    wrong = body["note"].replace(made.offer.nonce, "7" * 64).replace("lab-b.example ", "lab-b.example ")
    assert wrong != body["note"]


def test_lie_one_wrong_signature_among_many(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    terms = a_year_of(lab_a, lab_b)
    made = session(lab_a, lab_b, terms, 1)
    note = made.offer.signed(lab_a.document).decode().replace('"nonce":"1', '"nonce":"7')
    at = lab_a.add(EntryKind.OFFER, {"note": note})
    claim = broken(report_on(tmp_path, lab_a, lab_b))["session texts signed"]
    assert places(claim) == [(A, at)]
    assert "the offer in entry" in claim.words


def test_lie_a_checkpoint_of_a_fork_inside_an_entry(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    twin = Lab("lab-a.example", 1)
    twin.pad(4)
    at = lab_a.add(EntryKind.CHECKPOINT, {"note": twin.checkpoint().decode()})
    found = broken(report_on(tmp_path, lab_a, lab_b))
    assert places(found["checkpoints in the log fit"]) == [(A, at)]
    honest_b = lab_b.add(EntryKind.CHECKPOINT, {"note": twin.checkpoint().decode()})
    assert places(broken(report_on(tmp_path, lab_a, lab_b))["no fork between the labs"]) == [(B, honest_b)]


@pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")
def test_lie_two_keys_for_one_epoch(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    at = []
    for epoch in (1, 1, 2):
        statement = state(
            EpochKey.fresh(),
            lab=lab_a.name,
            peer=lab_b.name,
            agreement=bytes(32),
            match_key="email",
            epoch=epoch,
            max_evaluations=64,
            max_tags=64,
        )
        at.append(lab_a.add(EntryKind.KEY, entry_body(statement), peer=lab_b.name))
    claim = broken(report_on(tmp_path, lab_a, lab_b))["one committed key an epoch"]
    assert places(claim) == [(A, at[1])]


WITNESS = Signer.from_seed("witness.example", bytes([77]) * 32, COSIGNATURE)
OTHER = Signer.from_seed("other.example", bytes([78]) * 32, COSIGNATURE)


def policy_of(quorum: str) -> WitnessPolicy:
    lines = [f"witness W {WITNESS.verifier}", f"witness O {OTHER.verifier}", "group both all W O"]
    return WitnessPolicy.parse("\n".join([*lines, f"quorum {quorum}", ""]).encode())


def witnessed(lab: Lab, folder: Path, quorum: str) -> Claim:
    report = Auditor(lab.verifiers, policy=policy_of(quorum)).verify([folder])
    (claim,) = [claim for claim in report.claims if claim.name == "seen by witnesses"]
    return claim


def test_lie_missing_cosignature(lab_a: Lab, tmp_path: Path) -> None:
    lab_a.pad(3)
    folder = lab_a.export(tmp_path / "a")
    assert witnessed(lab_a, folder, "W").state is State.BROKEN
    (folder / "checkpoint").write_bytes(cosign(lab_a.checkpoint(), WITNESS))
    claim = witnessed(lab_a, folder, "W")
    assert claim.state is State.PROVEN
    assert "3 of 3 entries existed by 2026-11-18T" in claim.words
    assert witnessed(lab_a, folder, "both").state is State.BROKEN
    (folder / "checkpoint").write_bytes(cosign(lab_a.checkpoint(), WITNESS, OTHER))
    assert witnessed(lab_a, folder, "both").state is State.PROVEN


def test_lie_wrong_cosignature(lab_a: Lab, tmp_path: Path) -> None:
    lab_a.pad(3)
    folder = lab_a.export(tmp_path / "a")
    other = Lab("lab-a.example", 1)
    other.pad(2)
    stolen = Note.parse(cosign(other.checkpoint(), WITNESS)).signatures[-1]
    (folder / "checkpoint").write_bytes(Note.parse(lab_a.checkpoint()).with_signature(stolen).render())
    for quorum in ("W", "both", "none"):
        claim = witnessed(lab_a, folder, quorum)
        assert (claim.state, "is wrong" in claim.words) == (State.BROKEN, True)


def test_an_older_cosigned_checkpoint_beside_the_newest(lab_a: Lab, tmp_path: Path) -> None:
    lab_a.pad(3)
    cosigned = cosign(lab_a.checkpoint(), WITNESS)
    lab_a.pad(2)
    folder = lab_a.export(tmp_path / "a")
    (folder / "cosigned").write_bytes(cosigned)
    claim = witnessed(lab_a, folder, "W")
    assert (claim.state, "3 of 5 entries" in claim.words) == (State.PROVEN, True)
    # Without a policy a cosigner in KEYS is enough to say by when the entries existed.
    report = Auditor([*lab_a.verifiers, WITNESS.verifier]).verify([folder])
    assert [claim.state for claim in report.claims if claim.name == "seen by witnesses"] == [State.PROVEN]


def test_lie_a_witness_saw_another_log(lab_a: Lab, tmp_path: Path) -> None:
    other = Lab("lab-a.example", 1)
    other.add(EntryKind.ADMIN, {"other": True})
    other.pad(2)
    lab_a.pad(5)
    folder = lab_a.export(tmp_path / "a")
    (folder / "cosigned").write_bytes(cosign(other.checkpoint(), WITNESS))
    claim = witnessed(lab_a, folder, "W")
    assert (claim.state, "set back or forked" in claim.words) == (State.BROKEN, True)


def test_claims_about_sessions_need_the_signatures(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    folder = lab_a.export(tmp_path / "a")
    states = {claim.name: claim.state for claim in Auditor(lab_a.verifiers).verify([folder]).claims}
    assert states["entries well-formed"] is State.PROVEN
    for name in ("session texts signed", "budgets kept", "counters complete", "records chained"):
        assert states[name] is State.NOT_PROVABLE


def test_places_are_plain(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    claims = {claim.name: claim for claim in report_on(tmp_path, lab_a, lab_b).claims if claim.logs == (A,)}
    assert claims["sessions within their agreement"].entries == (Place(log=A, position=0),)


def export_for_peer(lab: Lab, folder: Path, peer: str) -> Path:
    """What `psi-node log export --peer` writes."""
    lab.export(folder)
    shown = [for_peer(data, peer) for data in lab.entries]
    for index, width in tiles_of(0, len(shown)):
        bundle = encode_bundle(shown[index * 256 : index * 256 + width])
        (folder / entries_path(index, width)).write_bytes(bundle)
    return folder


def test_an_export_for_a_peers_auditor_is_proven_by_hashes(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    lab_c = Lab("lab-c.example", 21)
    terms, done = honest(lab_a, lab_b)
    honest(lab_a, lab_c)
    lab_a.pad(300)
    session(lab_a, lab_b, terms, 3, previous=done[-1].record.hash().hex()).write()
    folder = export_for_peer(lab_a, tmp_path / "a", "lab-b.example")
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"lab-c.example" not in content
    report = Auditor([*lab_a.verifiers, *lab_b.verifiers]).verify([folder, lab_b.export(tmp_path / "b")])
    assert {claim.name for claim in report.claims if claim.state is not State.PROVEN} == GIVEN
    (claim,) = [each for each in report.claims if each.logs == (A,) and each.name.startswith("entries unmod")]
    assert "shown by their hash alone" in claim.words


def test_lie_a_withheld_entry_with_another_hash(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    honest(lab_a, lab_b)
    lab_a.pad(3)
    folder = export_for_peer(lab_a, tmp_path / "a", "lab-b.example")
    (path,) = (folder / "tile/0/000.p").iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    report = Auditor([*lab_a.verifiers, *lab_b.verifiers]).verify([folder])
    assert "entries unmodified and in order" in broken(report)


def test_lie_an_entry_of_the_pair_withheld(lab_a: Lab, lab_b: Lab, tmp_path: Path) -> None:
    """Hashes alone cannot show whose entry it is; the counters and the other log do."""
    terms, done = honest(lab_a, lab_b)
    session(lab_a, lab_b, terms, 3, previous=done[-1].record.hash().hex()).write()
    folder = lab_a.export(tmp_path / "a")
    hidden = [b"" if done[1].offer.session_id.encode() in data else data for data in lab_a.entries]
    (path,) = (folder / "tile/entries/000.p").iterdir()
    path.write_bytes(encode_bundle(hidden))
    report = Auditor([*lab_a.verifiers, *lab_b.verifiers]).verify([folder, lab_b.export(tmp_path / "b")])
    assert {"counters complete", "session in both logs"} <= set(broken(report))
