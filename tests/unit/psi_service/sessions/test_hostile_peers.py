"""A pinned peer that lies where it is asked to sign, to refuse or to mend: what it says is its own, and no more."""

import asyncio

import pytest

from psi_core.log.entry import EntryKind
from psi_core.log.key import Signature
from psi_core.log.note import Note
from psi_core.wire.session_pb2 import SessionFrame
from tests.two_labs import agreement_between, run, two_labs


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
