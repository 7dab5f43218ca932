"""A ledger that was set back: the pair's next session takes back what was forgotten, and nothing that is not proven."""

from __future__ import annotations

from typing import Any

import pytest

from psi_core.errors import VerificationError
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.note import Note
from psi_core.session.closing import Record
from psi_core.session.opening import Offer
from psi_core.wire.peers_pb2 import LogEntry, ReadLogReply, SettleRequest
from psi_service.sessions.catching_up import CatchingUp
from psi_service.sessions.progress import Phase
from tests.two_labs import LAB_A, LAB_B, Lab, agreement_between, run, two_labs

LEDGER = ("session_matches", "session_lanes", "debits", "generations", "sessions", "counters", "epoch_keys")


async def prepared(tmp_path: Any) -> tuple[Lab, Lab, Any]:
    a, b, terms = await two_labs(tmp_path, agreement_between(late_abort_limit=50))
    a.suspects({"a-1": {"email": ["both@x.org"]}})
    b.suspects({"b-1": {"email": ["both@x.org"]}})
    return a, b, terms


def ledger(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    return {name: lab.table(name) for name in LEDGER}


def set_back(lab: Lab, to: dict[str, list[dict[str, Any]]]) -> None:
    """Put an earlier ledger back. The log keeps its entries: it was recovered."""

    def work(db: Any) -> None:
        for name in LEDGER:
            db.execute(f"DELETE FROM {name}")
        for name in reversed(LEDGER):
            for row in to[name]:
                db.table(name).insert(row)

    lab.store.transaction_now(work)


def facts(lab: Lab, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[each] for each in columns) for row in lab.table(table))


def books(lab: Lab) -> list[Any]:
    """What has to be as it was."""
    return [
        facts(lab, "sessions", "session_id", "state", "counter", "record", "late"),
        facts(lab, "debits", "session_id", "lane", "receiver", "evaluations"),
        facts(lab, "counters", "initiator", "highest", "previous"),
        facts(lab, "session_lanes", "session_id", "lane", "own_size", "peer_size"),
    ]


@pytest.mark.parametrize("starts", ["a", "b"])
@pytest.mark.parametrize("order", ["a", "b"])
async def test_a_pair_goes_on_after_one_lab_forgot_sessions(tmp_path: Any, order: str, starts: str) -> None:
    """Sessions of either order were forgotten by lab-a; whichever starts the next one, it runs at the second try."""
    a, b, terms = await prepared(tmp_path)
    labs = {"a": (a, b), "b": (b, a)}
    assert (await run(*labs[order], terms)).state == "complete"
    before = ledger(a)
    assert (await run(*labs[order], terms)).state == "complete"
    assert (await run(*labs[order], terms)).state == "complete"
    known, logged = books(a), len(a.entries())
    set_back(a, before)
    assert books(a) != known
    states = [(await run(*labs[starts], terms)).state for _ in range(2)]
    if order == starts == "a":
        # The Refuse shows that lab-a forgot; what it forgot is there again, and the next Offer goes on.
        assert states == ["refused", "complete"]
    else:
        assert states[-1] == "complete"
    assert a.table("sessions")[0]["state"] == "complete"
    if order == starts:
        shown = {row["session_id"]: row for row in a.table("sessions")}
        assert {row["session_id"] for row in b.table("sessions")} == shown.keys()
        entries = a.entries()[:logged]
        assert entries == a.entries()[: len(entries)]
        # The log had every text already: nothing was logged a second time.
        assert not [each for each in a.entries() if each.body.get("recovered")]
    await a.stop()
    await b.stop()


async def test_everything_is_as_it_was_but_for_the_results(tmp_path: Any) -> None:
    a, b, terms = await prepared(tmp_path)
    before = ledger(a)
    for initiator, responder in ((a, b), (b, a)):
        for direction in ("both", "initiator", "responder"):
            await run(initiator, responder, terms, direction=direction, engine="oprf")
    a.cut_at = Phase.COMPLETING
    await run(a, b, terms)
    await run(a, b, terms)
    known = books(a)
    epochs = facts(a, "epoch_keys", "match_key", "epoch", "statement", "position")
    set_back(a, before)
    connection = await a._dial(LAB_B)
    desk = a.sessions._desk
    found = await CatchingUp(desk).catch_up(b.card, connection)
    assert len(found.sessions) == len(known[0])
    assert books(a) == known
    assert facts(a, "epoch_keys", "match_key", "epoch", "statement", "position") == epochs
    assert not [row for row in a.table("epoch_keys") if row["secret"]], "what is lost is not made again"
    assert not a.table("session_matches")
    again = await CatchingUp(desk).catch_up(b.card, connection)
    assert (again.sessions, again.logged) == ([], 0)
    assert (await run(a, b, terms, engine="oprf")).state == "complete"
    await a.stop()
    await b.stop()


async def test_texts_that_the_own_log_lacks_are_logged_anew(tmp_path: Any) -> None:
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms)
    await run(b, a, terms)
    set_back(a, {name: [] for name in LEDGER})
    desk = a.sessions._desk
    catching = CatchingUp(desk)
    texts = await catching.read(b.card, await a._dial(LAB_B))

    def work(db: Any) -> Any:
        db.execute("UPDATE log_entries SET peer = NULL")
        return catching.write(db, LAB_B, texts)

    found = a.store.transaction_now(work)
    anew = [each for each in a.entries() if each.body.get("recovered")]
    assert len(anew) == found.logged
    kinds = [each.kind for each in anew if each.peer == LAB_B]
    assert kinds.count(EntryKind.OFFER) == kinds.count(EntryKind.RECORD) == 2
    assert kinds.count(EntryKind.PRE_RECORD) == 4
    decisions = [each for each in anew if each.kind is EntryKind.DECISION]
    assert all(each.body["accepted"] and each.body["debits"] for each in decisions)
    for each in anew:
        if each.kind is EntryKind.RECORD:
            note = each.body["note"].encode()
            Record.open(note, a.card.document_verifier, b.card.document_verifier)
    await a.stop()
    await b.stop()


async def test_a_session_that_this_lab_never_signed_is_not_taken(tmp_path: Any) -> None:
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    offer = Offer.unverified(b.table("sessions")[0]["offer"])
    made_up = offer.model_copy(update={"session_id": "ab" * 16, "counter": 40}).signed(b.keys.document)
    set_back(a, {name: [] for name in LEDGER})
    entry = Entry(EntryKind.OFFER, bytes(16), b.entries()[0].time, LAB_A, {"note": made_up.decode()})
    found = await CatchingUp(a.sessions._desk).catch_up(b.card, Shows([entry]))
    assert found.sessions == []
    assert a.table("sessions") == a.table("counters") == []
    await a.stop()
    await b.stop()


class Shows:
    """A peer that shows the entries it likes."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    async def read_log(self, *, entries_from: int) -> ReadLogReply:
        left = list(enumerate(self.entries))[entries_from:]
        shown = [LogEntry(position=position, data=each.encode()) for position, each in left]
        return ReadLogReply(entries=shown, next=len(self.entries))


@pytest.mark.parametrize("kind", [EntryKind.OFFER, EntryKind.DECISION, EntryKind.RECORD])
async def test_a_peer_that_alters_a_text_is_refused_and_nothing_is_written(tmp_path: Any, kind: str) -> None:
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms)
    set_back(a, {name: [] for name in LEDGER})
    entries = b.entries()
    for number, each in enumerate(entries):
        if each.kind == kind:
            note = each.body["note"].replace('"period":0', '"period":1')
            assert note != each.body["note"]
            entries[number] = Entry(each.kind, each.salt, each.time, each.peer, {**each.body, "note": note})
    with pytest.raises(VerificationError, match="shows an entry of its log that does not hold"):
        await CatchingUp(a.sessions._desk).catch_up(b.card, Shows(entries))
    assert a.table("sessions") == []
    await a.stop()
    await b.stop()


async def test_settle_believes_a_record_only_with_the_own_signature(tmp_path: Any) -> None:
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    (row,) = b.table("sessions")
    set_back(a, {name: [] for name in LEDGER})
    alone = Note.parse(row["record"]).only_by(b.card.document_verifier).render()
    for record in (alone, b"", row["record"].replace(b'"period":0', b'"period":1')):
        request = SettleRequest(lab=LAB_B, session_id=row["session_id"], record=record)
        assert (await a.sessions.answer_settle(LAB_B, request)).unknown
        assert a.table("sessions") == []
    request = SettleRequest(lab=LAB_B, session_id=row["session_id"], record=row["record"])
    assert (await a.sessions.answer_settle(LAB_B, request)).record == row["record"]
    await a.stop()
    await b.stop()


async def test_withheld_budgets_are_released_by_the_peers_records(tmp_path: Any) -> None:
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms)
    debits = facts(a, "debits", "session_id", "receiver", "evaluations")
    assert debits
    set_back(a, {name: [] for name in LEDGER})
    withhold = "INSERT INTO withheld_budgets VALUES (?, 'email', ?, 0, 1000000)"
    a.store.transaction_now(lambda db: db.execute(withhold, (terms.hash(), LAB_B)) and None)
    await CatchingUp(a.sessions._desk).catch_up(b.card, await a._dial(LAB_B))
    assert a.table("withheld_budgets") == []
    assert facts(a, "debits", "session_id", "receiver", "evaluations") == debits
    await a.stop()
    await b.stop()


async def test_of_a_record_that_has_one_signature_here_the_whole_is_logged(tmp_path: Any) -> None:
    """The own log was recovered up to the first signature; the peer's log has both."""
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms)
    set_back(a, {name: [] for name in LEDGER})
    hide = "UPDATE log_entries SET peer = NULL WHERE kind = 'countersigned'"
    a.store.transaction_now(lambda db: db.execute(hide) and None)
    found = await CatchingUp(a.sessions._desk).catch_up(b.card, await a._dial(LAB_B))
    assert (len(found.sessions), found.logged) == (1, 1)
    newest = a.entries()[-1]
    assert (newest.kind, newest.body["recovered"]) == (EntryKind.RECORD, True)
    note = newest.body["note"].encode()
    Record.open(note, a.card.document_verifier, b.card.document_verifier)
    await a.stop()
    await b.stop()
