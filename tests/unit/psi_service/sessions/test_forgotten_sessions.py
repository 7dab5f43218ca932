"""A ledger that was set back: the pair's next session takes back what was forgotten, and nothing that is not proven."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest

from psi_core import native_core
from psi_core.engines.oprf.evidence import FIELD
from psi_core.engines.oprf.key import KeyStatement
from psi_core.errors import ProtocolFault, VerificationError
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.note import Note
from psi_core.session.closing import PreRecord, Record
from psi_core.session.opening import Accept, Offer, Refuse
from psi_core.wire.peers_pb2 import LogEntry, ReadLogReply, SettleRequest
from psi_service.sessions.catching_up import CatchingUp
from psi_service.sessions.progress import Phase
from tests.broken_sessions import cut_at, kept_files, long_lists, match, small_chunks
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


def signed_again(entry: Entry, text: Any, lab: Lab) -> Entry:
    return Entry(
        entry.kind,
        entry.salt,
        entry.time,
        entry.peer,
        {**entry.body, "note": text.signed(lab.keys.document).decode()},
    )


def refused_by(lab: Lab, offer: Offer) -> Entry:
    text = Refuse(
        session_id=offer.session_id, offer=offer.hash().hex(), by=lab.name, rule="engine", words="engine: no."
    )
    note = text.signed(lab.keys.document).decode()
    body = {"note": note, "session_id": offer.session_id, "accepted": False}
    return Entry(EntryKind.DECISION, bytes(16), "2026-11-24T09:00:00Z", LAB_A, body)


async def test_another_offer_under_the_id_of_a_session_that_this_lab_signed_is_not_taken(
    tmp_path: Any,
) -> None:
    """Else this lab would log, and sign an Abort of, an Offer that it never saw."""
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    made_up = Offer.unverified(b.table("sessions")[0]["offer"]).model_copy(update={"counter": 2**53 - 1})
    shown = [
        signed_again(each, made_up, b) if each.kind is EntryKind.OFFER else each
        for each in b.entries(EntryKind.OFFER, EntryKind.PRE_RECORD)
    ]
    set_back(a, {name: [] for name in LEDGER})
    logged = len(a.entries())
    found = await CatchingUp(a.sessions._desk).catch_up(b.card, Shows(shown))
    assert found.sessions == []
    assert a.table("sessions") == a.table("counters") == []
    assert len(a.entries()) == logged
    await a.stop()
    await b.stop()


async def test_a_key_in_the_peers_own_offer_begins_no_epoch_of_this_lab(tmp_path: Any) -> None:
    """An Offer that was refused may hold anything: a row of the last epoch there is would leave none to begin."""
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms, engine="oprf", match_keys=["email"])
    offer, accept = (
        cls.unverified(b.table("sessions")[0][name]) for name, cls in (("offer", Offer), ("accept", Accept))
    )
    shown = accept.lanes[0].key
    entry = Entry.decode(base64.b64decode(shown.entry))
    statement = KeyStatement.from_text(entry.body[FIELD]).model_copy(update={"epoch": 2**53 - 1})
    false = Entry(entry.kind, entry.salt, entry.time, entry.peer, {FIELD: statement.text()})
    key = shown.model_copy(update={"entry": base64.b64encode(false.encode()).decode()})
    lane = offer.lanes[0].model_copy(update={"key": key})
    poisoned = offer.model_copy(update={"lanes": (lane, *offer.lanes[1:])})
    first = b.entries(EntryKind.OFFER)[0]
    set_back(a, {name: [] for name in LEDGER})
    shows = Shows([signed_again(first, poisoned, b), refused_by(a, poisoned)])
    found = await CatchingUp(a.sessions._desk).catch_up(b.card, shows)
    assert found.sessions == [offer.session_id]
    assert a.table("epoch_keys") == []
    await a.stop()
    await b.stop()


async def test_a_refuse_shown_behind_a_pre_record_leaves_a_late_abort(tmp_path: Any) -> None:
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    offer = Offer.unverified(b.table("sessions")[0]["offer"])
    shown = b.entries(EntryKind.OFFER, EntryKind.DECISION, EntryKind.PRE_RECORD)
    set_back(a, {name: [] for name in LEDGER})
    await CatchingUp(a.sessions._desk).catch_up(b.card, Shows([*shown, refused_by(b, offer)]))
    (row,) = a.table("sessions")
    assert (row["state"], row["late"]) == ("aborted", 1)
    await a.stop()
    await b.stop()


async def test_a_peer_dates_no_pre_record_before_its_offer_was_over(tmp_path: Any) -> None:
    """The agreed interval to the next session counts from there."""
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    offer = Offer.unverified(b.table("sessions")[0]["offer"])
    shown = [
        Entry(each.kind, each.salt, "2000-01-01T00:00:00Z", each.peer, each.body) for each in b.entries()
    ]
    set_back(a, {name: [] for name in LEDGER})
    await CatchingUp(a.sessions._desk).catch_up(b.card, Shows(shown))
    assert a.table("sessions")[0]["pre_recorded"] == min(offer.expires, a.sessions._desk.now())
    await a.stop()
    await b.stop()


async def test_a_pre_record_of_another_session_is_refused(tmp_path: Any) -> None:
    """Logged here, it would break this lab's log for every auditor."""
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    shown = b.entries()
    for number, each in enumerate(shown):
        if each.kind is EntryKind.PRE_RECORD:
            text = PreRecord.unverified(each.body["note"].encode())
            if text.receiver == LAB_B:
                shown[number] = signed_again(each, text.model_copy(update={"ctx": "00" * 32}), b)
    set_back(a, {name: [] for name in LEDGER})
    with pytest.raises(ProtocolFault, match="pre-record"):
        await CatchingUp(a.sessions._desk).catch_up(b.card, Shows(shown))
    assert a.table("sessions") == []
    await a.stop()
    await b.stop()


async def test_of_a_session_that_runs_here_nothing_is_forgotten(tmp_path: Any) -> None:
    """Else a peer could end it in the books while it is under way, with a Refuse of its own."""
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    shown = Shows(b.entries(EntryKind.OFFER, EntryKind.DECISION))
    set_back(a, {name: [] for name in LEDGER})
    catching = CatchingUp(a.sessions._desk)
    (session_id,) = [row["session_id"] for row in b.table("sessions")]
    assert (await catching.catch_up(b.card, shown, lambda each: each == session_id)).sessions == []
    assert (await catching.catch_up(b.card, shown)).sessions == [session_id]
    await a.stop()
    await b.stop()


async def test_a_peer_that_asks_often_and_goes_away_has_its_log_read_once(tmp_path: Any) -> None:
    a, b, terms = await prepared(tmp_path)
    await run(b, a, terms)
    (row,) = b.table("sessions")
    set_back(a, {name: [] for name in LEDGER})
    dialled, asked, go_on, dial = [], asyncio.Event(), asyncio.Event(), a.sessions._dialling._around.dial

    async def slow(lab: str) -> Any:
        dialled.append(lab)
        asked.set()
        await go_on.wait()
        return await dial(lab)

    a.sessions._dialling._around = replace(a.sessions._around, dial=slow)
    request = SettleRequest(lab=LAB_B, session_id=row["session_id"], record=row["record"])
    asking = [asyncio.create_task(a.sessions.answer_settle(LAB_B, request)) for _ in range(5)]
    async with asyncio.timeout(10):
        await asked.wait()
    asking[0].cancel()
    await asyncio.wait(asking[:1])
    go_on.set()
    replies = await asyncio.gather(*asking[1:])
    assert [reply.record for reply in replies] == [row["record"]] * 4
    assert dialled == [LAB_B]
    await a.stop()
    await b.stop()


@pytest.mark.skipif(not native_core.available(), reason="engine oprf needs the native core")
async def test_a_suspended_session_that_is_taken_back_as_over_leaves_no_file(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    a, b, terms = await long_lists(tmp_path)
    cut_at(a, 6)
    assert (await match(a, b, terms)).state == "suspended"
    offer = Offer.unverified(a.table("sessions")[0]["offer"])
    shown = b.entries(EntryKind.OFFER, EntryKind.DECISION)
    await CatchingUp(a.sessions._desk).catch_up(b.card, Shows([*shown, refused_by(b, offer)]))
    assert a.table("sessions")[0]["state"] == "refused"
    assert not a.table("resumptions")
    assert not kept_files(a)
    await a.stop()
    await b.stop()
