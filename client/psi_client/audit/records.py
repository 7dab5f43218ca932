"""The records of sessions as one log holds them: `record` with one or both signatures, then `countersigned`."""

from __future__ import annotations

import hmac

from psi_client.audit.facts import Records, SeenRecord
from psi_client.audit.texts import Opened
from psi_core.session.closing import Record

MAX_SESSIONS = 1_000_000


class RecordReader:
    """Gathers records from opened texts; signatures that are wrong are put among its faults by others."""

    def __init__(self) -> None:
        self.found = Records()

    def take(self, opened: Opened, position: int) -> None:
        """Look at one text; others than records are passed over."""
        record = opened.text
        if not isinstance(record, Record):
            return
        labs = {record.initiator, record.responder}
        seen = SeenRecord(
            hash=opened.hash,
            position=position,
            initiator=record.initiator,
            responder=record.responder,
            counter=record.counter,
            complete=labs <= opened.signed,
            verified=labs <= opened.verified,
        )
        self._keep(bytes.fromhex(record.session_id), seen)

    def _keep(self, session: bytes, seen: SeenRecord) -> None:
        known = self.found.by_session.get(session)
        if known is None and len(self.found.by_session) >= MAX_SESSIONS:
            self.found.left_out += 1
        elif known is None:
            self.found.by_session[session] = seen
        elif not hmac.compare_digest(known.hash, seen.hash):
            words = f"entries {known.position} and {seen.position} hold different records of one session"
            self.found.faults.add(words, seen.position)
        elif seen.complete and not known.complete:
            self.found.by_session[session] = seen
