"""Checkpoints inside a log's entries: of the peer as they reached this lab, and of this log as it sent them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from psi_client.audit.facts import Copies, Copy
from psi_client.audit.signatures import SignatureChecks, Signed
from psi_client.audit.texts import Opened
from psi_core.errors import InputError, VerificationError
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import ED25519, Verifier
from psi_core.log.note import Note
from psi_core.session.opening import Accept, Offer

MAX_COPIES = 1_000_000


class CopyReader:
    """Gathers checkpoints from entries; those of a log whose key KEYS lacks are counted and left aside."""

    def __init__(self, verifiers: Sequence[Verifier], checks: SignatureChecks) -> None:
        self._keys: dict[str, list[Verifier]] = {}
        for each in verifiers:
            if each.type is ED25519:
                self._keys.setdefault(each.name, []).append(each)
        self._checks = checks
        self.found = Copies()

    def take(self, entry: Entry, opened: Opened | None, position: int) -> None:
        """Look at one entry: a `checkpoint`, an Offer or an Accept."""
        text = opened.text if opened else None
        if entry.kind is EntryKind.CHECKPOINT:
            self._read(str(entry.body.get("note")), position)
        elif isinstance(text, Offer | Accept):
            self._read(text.checkpoint, position)

    def _read(self, given: str, position: int) -> None:
        try:
            note = Note.parse(given.encode())
            checkpoint = Checkpoint.parse(note.text)
        except (InputError, VerificationError) as error:
            self.found.faults.add(f"the checkpoint in entry {position}: {error}", position)
            return
        known = self._keys.get(checkpoint.origin)
        if known is None:
            self.found.unchecked += 1
            return
        copy = Copy(checkpoint.origin, checkpoint.size, checkpoint.root)
        for key in known:
            for each in note.signatures:
                if (each.name, each.key_id) == (key.name, key.key_id):
                    self._expect(key, note.text.encode(), each.value, copy, position)
                    return
        words = (
            f"the checkpoint in entry {position} is not signed by a key of {checkpoint.origin} that was given"
        )
        self.found.faults.add(words, position)

    def _expect(self, key: Verifier, message: bytes, value: bytes, copy: Copy, position: int) -> None:
        where = f"the checkpoint in entry {position}"
        keep = partial(self._keep, copy, position)
        self._checks.expect(Signed(key, message, value, where, position, self.found.faults, keep))

    def _keep(self, copy: Copy, position: int) -> None:
        if copy in self.found.seen or len(self.found.seen) < MAX_COPIES:
            first, last = self.found.seen.get(copy, (position, position))
            self.found.seen[copy] = (min(first, position), max(last, position))
        else:
            self.found.left_out += 1
