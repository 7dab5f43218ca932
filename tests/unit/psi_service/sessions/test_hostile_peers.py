"""A pinned peer that lies where it is asked to sign, to refuse or to mend: what it says is its own, and no more."""

import asyncio

import pytest

from psi_core.errors import Refused
from psi_core.log.entry import EntryKind
from psi_core.log.key import Signature
from psi_core.log.note import Note
from psi_core.session.opening import Abort, Offer, Refuse
from psi_core.wire.peers_pb2 import SettleReply
from psi_core.wire.session_pb2 import SessionFrame
from psi_service.sessions.progress import Phase
from tests.two_labs import LAB_A, LAB_B, QueueConnection, QueueStream, agreement_between, run, two_labs


async def prepared(tmp_path, **changes):
    a, b, terms = await two_labs(tmp_path, agreement_between(late_abort_limit=50, **changes))
    a.suspects({"a-1": {"email": ["both@x.org"]}})
    b.suspects({"b-1": {"email": ["both@x.org"]}})
    return a, b, terms


@pytest.mark.parametrize("side", ["first", "second"])
async def test_a_record_is_logged_with_no_signature_line_that_its_labs_did_not_make(tmp_path, side):
    """A line under our name that does not verify would stand in our log, and break it for every auditor."""
    a, b, terms = await prepared(tmp_path)
    liar, victim = (a, b) if side == "first" else (b, a)
    done = []

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") != "record" or done:
            return [frame]
        done.append(True)
        note = Note.parse(frame.record)
        own = victim.keys.document.verifier
        return [SessionFrame(record=note.with_signature(Signature(own.name, own.key_id, bytes(64))).render())]

    liar.tamper = tamper
    await run(a, b, terms, match_keys=["email"])
    await asyncio.sleep(0.05)
    assert done
    both = (a.card.document_verifier, b.card.document_verifier)
    for entry in victim.entries(EntryKind.RECORD, EntryKind.COUNTERSIGNED):
        Note.parse(entry.body["note"].encode()).verified_by(*both)
    await a.stop()
    await b.stop()


def refuse_of(lab, offer: Offer, by: str) -> bytes:
    text = Refuse(
        session_id=offer.session_id, offer=offer.hash().hex(), by=by, rule="engine", words="engine: no."
    )
    return text.signed(lab.keys.document)


async def test_a_refuse_shown_after_the_pre_record_is_a_late_abort(tmp_path, monkeypatch):
    """Else a receiver that has been served gets rid of its late aborts by a Refuse at Settle."""
    a, b, terms = await prepared(tmp_path)
    b.cut_at = Phase.RESULTS
    await run(a, b, terms, direction="responder", match_keys=["email"])
    await asyncio.sleep(0.05)
    row = a.table("sessions")[0]
    assert (row["state"], row["pre_recorded"] is not None) == ("open", True)

    async def settle(self, session_id, *, record=b"", abort=b""):
        return SettleReply(refuse=refuse_of(b, Offer.unverified(row["offer"]), LAB_B))

    monkeypatch.setattr(QueueConnection, "settle", settle)
    await a.sessions.settle(LAB_B)
    row = a.table("sessions")[0]
    assert (row["state"], row["late"]) == ("aborted", 1)
    await a.stop()
    await b.stop()


async def test_a_refuse_in_the_name_of_another_lab_is_a_fault(tmp_path):
    """It would be logged under that lab, and without the signature of the lab that it names."""
    a, b, terms = await prepared(tmp_path)

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") != "begin":
            return [frame]
        offer = Offer.unverified(a.table("sessions")[0]["offer"])
        return [SessionFrame(refuse=refuse_of(a, offer, "lab-c.example"))]

    a.tamper = tamper
    await run(a, b, terms, match_keys=["email"])
    assert {each.peer for each in b.entries()} == {LAB_A}
    assert b.table("sessions")[0]["state"] == "aborted"
    await a.stop()
    await b.stop()


async def test_a_counter_that_does_not_follow_is_a_gap_whatever_else_is_wrong(tmp_path):
    """A replayed Offer is refused; without a gap entry its counter would look like a hidden session."""
    a, b, terms = await prepared(tmp_path)
    await run(a, b, terms, match_keys=["email"])
    sent = a.table("sessions")[0]["offer"]
    connection = QueueConnection(a, b)
    stream = connection.run()
    await stream.send(SessionFrame(offer=sent))
    answer = await asyncio.wait_for(stream.receive(), 10)
    refuse = Refuse.open(answer.refuse, b.card.document_verifier)
    assert refuse.rule == "counter"
    gap = b.entries(EntryKind.GAP)[0].body
    assert (gap["expected"], gap["got"], gap["refuse"]) == (2, 1, refuse.hash().hex())
    await connection.close()
    await a.stop()
    await b.stop()


async def test_a_status_in_place_of_a_refuse_ends_the_session(tmp_path, monkeypatch):
    """There is no signed text to log, so it is an abort: nothing stays open."""
    a, b, terms = await prepared(tmp_path)
    plain = QueueStream.receive

    async def receive(self):
        frame = await plain(self)
        if frame.WhichOneof("body") == "result":
            raise Refused("concurrent", "32 calls are open already", by=LAB_B)
        return frame

    monkeypatch.setattr(QueueStream, "receive", receive)
    view = await run(a, b, terms, direction="responder", match_keys=["email"])
    assert (view.state, view.late) == ("aborted", True)
    await a.stop()
    await b.stop()


async def test_an_abort_in_the_name_of_another_lab_is_not_logged(tmp_path):
    a, b, terms = await prepared(tmp_path)

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") != "begin":
            return [frame]
        offer = Offer.unverified(a.table("sessions")[0]["offer"])
        told = Abort(
            session_id=offer.session_id,
            offer=offer.hash().hex(),
            by="lab-c.example",
            late=False,
            code="x",
            words="x",
        )
        return [SessionFrame(abort=told.signed(a.keys.document))]

    a.tamper = tamper
    await run(a, b, terms, match_keys=["email"])
    assert [set(each.body) for each in b.entries(EntryKind.ABORT)] == [{"note"}]
    await a.stop()
    await b.stop()


async def test_an_abort_with_lines_of_nobody_is_logged_without_them(tmp_path):
    """Else one of 60 KiB fits into no entry, and the session stays open."""
    a, b, terms = await prepared(tmp_path)

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") != "begin":
            return [frame]
        offer = Offer.unverified(a.table("sessions")[0]["offer"])
        told = Abort(
            session_id=offer.session_id, offer=offer.hash().hex(), by=LAB_A, late=False, code="x", words="x"
        )
        note = Note.parse(told.signed(a.keys.document))
        long = note.with_signature(Signature("nobody.example", b"abcd", bytes(47_000)))
        return [SessionFrame(abort=long.render())]

    a.tamper = tamper
    await run(a, b, terms, match_keys=["email"])
    assert b.table("sessions")[0]["state"] == "aborted"
    assert "peer_note" in b.entries(EntryKind.ABORT)[0].body
    await a.stop()
    await b.stop()


async def test_an_agreement_revoked_in_mid_session_serves_nobody(tmp_path):
    a, b, terms = await prepared(tmp_path)

    def tamper(frame: SessionFrame) -> list[SessionFrame]:
        if frame.WhichOneof("body") == "begin":
            b.agree(terms, state="revoked")
        return [frame]

    a.tamper = tamper
    view = await run(a, b, terms, direction="initiator", match_keys=["email"])
    assert (view.state, "revoked" in view.reason) == ("aborted", True)
    assert (a.matched(), b.entries(EntryKind.PRE_RECORD)) == ({}, [])
    await a.stop()
    await b.stop()
