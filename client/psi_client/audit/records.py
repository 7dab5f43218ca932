"""The records of sessions as one log holds them: `record` with one or both signatures, then `countersigned`."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from psi_client.audit.facts import Records, SeenRecord
from psi_core.errors import InvalidSignature, PsiError
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import ED25519, Verifier
from psi_core.log.note import Note
from psi_core.session.closing import Record

RECORD_KINDS = frozenset({EntryKind.RECORD, EntryKind.COUNTERSIGNED})
MAX_SESSIONS = 1_000_000


class RecordReader:
    """Gathers records from entries; `verifiers` may hold the labs' document keys (named like the lab)."""

    def __init__(self, verifiers: Sequence[Verifier]) -> None:
        self._keys = [each for each in verifiers if each.type is ED25519]
        self.found = Records()

    def take(self, entry: Entry, position: int) -> None:
        """Look at one well-formed entry; kinds other than `record` and `countersigned` are passed over."""
        if entry.kind not in RECORD_KINDS:
            return
        try:
            note = Note.parse(str(entry.body.get("note")).encode())
            record = Record.from_text(note.text)
            seen = self._seen(note, record, position)
        except InvalidSignature as error:
            self.found.faults.add(f"the record in entry {position}: {error}", position)
        except PsiError:
            self.found.faults.add(f"entry {position} is named a record and holds none", position)
        else:
            self._keep(bytes.fromhex(record.session_id), seen)

    def _seen(self, note: Note, record: Record, position: int) -> SeenRecord:
        labs = {record.initiator, record.responder}
        signed = {(each.name, each.key_id) for each in note.signatures}
        keys = [each for each in self._keys if each.name in labs and (each.name, each.key_id) in signed]
        verified = {each.name for each in note.verified_by(*keys)} if keys else set()
        return SeenRecord(
            hash=record.hash(),
            position=position,
            initiator=record.initiator,
            responder=record.responder,
            counter=record.counter,
            complete=labs <= {name for name, _ in signed},
            verified=labs <= verified,
        )

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
