"""One snapshot entry of an exported log, and the place where its session used it."""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from psi_client.audit.facts import LogFacts
from psi_client.audit.folder import LogFolder
from psi_client.audit.one_log import entries_unmodified
from psi_client.audit.reading import read_log
from psi_client.audit.report import State
from psi_core.errors import InvalidConfiguration, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import ED25519, Verifier
from psi_core.log.note import Note
from psi_core.log.signed_text import Count, Hex16, Hex32, field_faults
from psi_core.log.tiles import TILE_WIDTH, tiles_of
from psi_core.log.withheld import WITHHELD
from psi_core.session.opening import Accept, MatchKeyName, Offer

MAX_NAMED = 8


class SnapshotBody(BaseModel):
    """The body of a snapshot entry."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    session_id: Hex16
    match_key: MatchKeyName
    padded_size: Count
    commitment: Hex32


@dataclass(frozen=True)
class ProvenLog:
    """An export whose entries all lead to the root that its own log key signed."""

    folder: LogFolder
    facts: LogFacts
    head: Checkpoint

    @classmethod
    def read(cls, folder: LogFolder, verifiers: Sequence[Verifier]) -> ProvenLog:
        """Check the whole export. Raises VerificationError."""
        facts = read_log(folder, verifiers)
        finding = entries_unmodified(facts)
        if finding.state is not State.PROVEN or facts.head.checkpoint is None:
            raise VerificationError(f"{facts.log}: the entries are not proven: {finding.words}")
        return cls(folder, facts, facts.head.checkpoint)

    @property
    def lab(self) -> str:
        """The lab whose log it is."""
        return self.facts.lab

    def check_beginning(self, checkpoint: Checkpoint) -> None:
        """Check that `checkpoint` is of this log and that the export continues it. Raises VerificationError."""
        if checkpoint.origin != self.head.origin:
            raise VerificationError(f"the checkpoint is of another log than {self.head.origin}")
        if checkpoint.size > self.head.size:
            raise VerificationError(
                f"the export ends with entry {self.head.size - 1}, before the checkpoint of {checkpoint.size} "
                "entries: ask for a newer export"
            )
        if not hmac.compare_digest(self.facts.root_at(checkpoint.size), checkpoint.root):
            raise VerificationError(
                "the export does not continue the checkpoint: the log was changed or forked"
            )

    def snapshot(self, position: int) -> SnapshotBody:
        """The snapshot entry at `position`. Raises InvalidConfiguration when it is none, or withheld."""
        entry = next((entry for at, entry in self._entries(position) if at == position), None)
        if entry is None or entry.kind is not EntryKind.SNAPSHOT:
            raise InvalidConfiguration(
                f"entry {position} of {self.head.origin} is no snapshot that this export shows; "
                f"the newest are {self._newest() or 'none'}"
            )
        with field_faults("snapshot entry"):
            return SnapshotBody.model_validate(entry.body)

    def check_used_after(self, position: int, body: SnapshotBody, verifiers: Sequence[Verifier]) -> int:
        """Check that the lab's own Offer or Accept of the session names this set, and stands after `position`.

        Returns where it stands. Raises VerificationError, InvalidSignature, InvalidNote, InvalidText.
        """
        for at, entry in self._entries(0):
            if entry.kind not in (EntryKind.OFFER, EntryKind.DECISION):
                continue
            note = str(entry.body.get("note"))
            # Most texts are of other sessions, and need not be read.
            if body.session_id not in note or not self._uses(note.encode(), body):
                continue
            if at < position:
                raise VerificationError(f"entry {at} used the set before entry {position} committed to it")
            Note.parse(note.encode()).verified_by(document_key(self.lab, verifiers))
            return at
        raise VerificationError(
            f"no session of this log uses the snapshot of entry {position}: its offer or answer is not there"
        )

    def _uses(self, note: bytes, body: SnapshotBody) -> bool:
        text = Note.parse(note).text
        own: Offer | Accept
        if text.startswith(Offer.TYPE + "\n"):
            own = Offer.from_text(text)
            by = own.initiator
        elif text.startswith(Accept.TYPE + "\n"):
            own = Accept.from_text(text)
            by = own.responder
        else:
            return False
        wanted = (body.match_key, body.padded_size, body.commitment)
        lanes = [(each.match_key, each.padded_size, each.snapshot) for each in own.lanes]
        return by == self.lab and own.session_id == body.session_id and wanted in lanes

    def _newest(self) -> str:
        """The last snapshots of the export, for people."""
        shown = ((at, entry) for at, entry in self._entries(0) if entry.kind is EntryKind.SNAPSHOT)
        newest = deque(shown, maxlen=MAX_NAMED)
        return ", ".join(f"{at} ({str(entry.body.get('match_key'))[:40]})" for at, entry in newest)

    def _entries(self, start: int) -> Iterator[tuple[int, Entry]]:
        """Entries that are shown, from the bundle of `start` on. They were read and hashed before."""
        for index, width in tiles_of(0, self.head.size):
            if index < start // TILE_WIDTH:
                continue
            for place, data in enumerate(self.folder.bundle(index, width)):
                if data != WITHHELD:
                    yield index * TILE_WIDTH + place, Entry.decode(data)


def document_key(lab: str, verifiers: Sequence[Verifier]) -> Verifier:
    """The key by which `lab` signs texts, from KEYS. Raises InvalidConfiguration."""
    found = [each for each in verifiers if each.name == lab and each.type is ED25519]
    if not found:
        raise InvalidConfiguration(f"KEYS has no document key of {lab}: add the one on its card")
    if len(found) > 1:
        raise InvalidConfiguration(f"KEYS has several document keys of {lab}: leave the one that signed")
    return found[0]
