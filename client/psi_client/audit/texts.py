"""The signed texts inside entries: opened, their hashes taken, their signatures handed on to be checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from psi_client.audit.facts import Faults, Texts
from psi_client.audit.signatures import SignatureChecks, Signed
from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.errors import InputError, InvalidText, VerificationError
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import ED25519, Verifier
from psi_core.log.note import Note
from psi_core.log.signed_text import SignedText
from psi_core.session.closing import PreRecord, Record
from psi_core.session.opening import Abort, Accept, Offer, Refuse

RECORD_KINDS = frozenset({EntryKind.RECORD, EntryKind.COUNTERSIGNED})

_EXPECTED: Mapping[EntryKind, tuple[type[SignedText], ...]] = {
    EntryKind.AGREEMENT: (Agreement,),
    EntryKind.REVOCATION: (Revocation,),
    EntryKind.OFFER: (Offer,),
    EntryKind.DECISION: (Accept, Refuse),
    EntryKind.PRE_RECORD: (PreRecord,),
    EntryKind.RECORD: (Record,),
    EntryKind.COUNTERSIGNED: (Record,),
    EntryKind.ABORT: (Abort,),
}
_SIGNERS: Mapping[type[SignedText], tuple[str, ...]] = {
    Offer: ("initiator",),
    Accept: ("responder",),
    PreRecord: ("receiver",),
    Refuse: ("by",),
    Abort: ("by",),
    Revocation: ("lab",),
    Record: ("initiator", "responder"),
}
"""The fields that name the labs which may sign a text; an agreement has a list of its two."""


class Opened(NamedTuple):
    """A text, its 32-byte hash, the labs with a signature line, and those of them whose key KEYS holds.

    The signatures themselves are checked later, all together; a wrong one is a fault of the log.
    """

    text: SignedText
    hash: bytes
    signed: frozenset[str]
    verified: frozenset[str]


class TextReader:
    """Opens the notes of one log's entries. `records` takes the faults of records, `found` all others."""

    def __init__(self, verifiers: Sequence[Verifier], checks: SignatureChecks, records: Faults) -> None:
        self._keys = {(each.name, each.key_id): each for each in verifiers if each.type is ED25519}
        self._checks = checks
        self._records = records
        self.found = Texts()

    def read(self, entry: Entry, position: int) -> tuple[Opened, ...]:
        """Return the texts of an entry: none for most kinds, two for an abort that holds the peer's too."""
        types = _EXPECTED.get(entry.kind)
        if types is None:
            return ()
        notes = [entry.body.get("note")]
        if entry.kind is EntryKind.ABORT and "peer_note" in entry.body:
            notes.append(entry.body["peer_note"])
        opened = (self._open(note, types, entry.kind, position) for note in notes)
        return tuple(each for each in opened if each is not None)

    def _open(
        self, given: object, types: tuple[type[SignedText], ...], kind: EntryKind, position: int
    ) -> Opened | None:
        faults = self._records if kind in RECORD_KINDS else self.found.faults
        where = f"the {kind} in entry {position}"
        try:
            note = Note.parse(str(given).encode())
            text = _typed(note.text, types)
        except (InputError, VerificationError):
            faults.add(f"entry {position} is named {kind} and holds none", position)
            return None
        parties = _parties(text)
        signed = frozenset(each.name for each in note.signatures) & parties
        if not signed:
            faults.add(f"{where} lacks the signature of {' or '.join(sorted(parties))}", position)
            return None
        verified = set()
        message = note.text.encode()
        for each in note.signatures:
            key = self._keys.get((each.name, each.key_id))
            if key is not None and each.name in parties:
                verified.add(each.name)
                self._checks.expect(Signed(key, message, each.value, where, position, faults))
        if kind not in RECORD_KINDS:
            self.found.count += 1
            self.found.unchecked += not signed <= verified
        return Opened(text, hashlib.sha256(message).digest(), signed, frozenset(verified))


# A record stands in two entries, one shortly after the other: with one signature, then with both.
@lru_cache(maxsize=16)
def _typed(text: str, types: tuple[type[SignedText], ...]) -> SignedText:
    for each in types:
        if text.startswith(each.TYPE + "\n"):
            return each.from_text(text)
    raise InvalidText("this entry holds a text of another type")


def _parties(text: SignedText) -> frozenset[str]:
    """The labs that may sign a text: one alone, or the two of a record or an agreement."""
    if isinstance(text, Agreement):
        return frozenset(text.labs)
    names = _SIGNERS.get(type(text))
    if names is None:
        raise InvalidText("a text of this type is signed by no one that is known here")
    return frozenset(getattr(text, name) for name in names)
