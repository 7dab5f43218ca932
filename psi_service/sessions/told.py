"""What the entries of a pair tell of its sessions and agreements: signed texts, each verified.

The entries may be this node's own, recovered, or the other lab's, read over the peers service. An entry proves
nothing by itself here: only texts count, and only with the signatures that they need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.errors import InvalidText
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.key import Verifier
from psi_core.log.note import Note
from psi_core.log.signed_text import SignedText, text_type
from psi_core.session.closing import PreRecord, Record
from psi_core.session.opening import Abort, Accept, Offer, Refuse

_TYPES: Mapping[EntryKind, tuple[type[SignedText], ...]] = {
    EntryKind.OFFER: (Offer,),
    EntryKind.DECISION: (Accept, Refuse),
    EntryKind.PRE_RECORD: (PreRecord,),
    EntryKind.RECORD: (Record,),
    EntryKind.COUNTERSIGNED: (Record,),
    EntryKind.ABORT: (Abort,),
    EntryKind.AGREEMENT: (Agreement,),
    EntryKind.REVOCATION: (Revocation,),
}


@dataclass(frozen=True)
class Told:
    """One text of a session, or an agreement (which has no session id), verified.

    `note` has the signatures of those labs alone that the text needs; `time` and `body` are the entry's.

    A `gap` has no text. `declined`: an Accept on which its initiator did not begin.
    """

    kind: EntryKind
    session_id: str
    time: str
    text: SignedText | None = None
    note: bytes = field(default=b"", repr=False)
    signers: frozenset[str] = frozenset()
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def declined(self) -> bool:
        """Whether the entry says that the Accept in it led to nothing."""
        return self.body.get("accepted") is False


def told(data: bytes, keys: Mapping[str, Verifier]) -> Iterator[Told]:
    """The texts of one entry that the labs of `keys` (lab to document key) signed; none for other entries.

    Texts that no key of these signed are passed over: a lab may have had other keys once. Raises InvalidText for
    what is no entry or no text of its kind, InvalidNote, InvalidSignature.
    """
    entry = Entry.decode(data)
    session_id = entry.body.get("session_id")
    if entry.kind is EntryKind.GAP and isinstance(session_id, str):
        yield Told(entry.kind, session_id, entry.time, body=entry.body)
    types = _TYPES.get(entry.kind, ())
    for name in ("note", "peer_note") if types else ():
        given = entry.body.get(name)
        if isinstance(given, str):
            found = _opened(given.encode(), entry, types, keys)
            if found is not None:
                yield found


def _opened(
    note: bytes, entry: Entry, types: tuple[type[SignedText], ...], keys: Mapping[str, Verifier]
) -> Told | None:
    kind = next((each for each in types if text_type(note) == each.TYPE), None)
    if kind is None:
        raise InvalidText(f"an entry of kind {entry.kind} holds a text of another type")
    text = kind.unverified(note)
    needed = signers(text)
    if not needed <= keys.keys():
        return None
    parsed = Note.parse(note)
    wanted = {(keys[lab].name, keys[lab].key_id): keys[lab] for lab in needed}
    names = dict.fromkeys((each.name, each.key_id) for each in parsed.signatures)
    # In the order in which they stand: a record is kept as both labs have it.
    verifiers = [wanted[name] for name in names if name in wanted]
    if len(verifiers) < len(wanted):
        return None
    kind.open(note, *verifiers)
    session_id: str = getattr(text, "session_id", "")
    kept = parsed.only_by(*verifiers).render()
    return Told(entry.kind, session_id, entry.time, text, kept, frozenset(needed), entry.body)


def signers(text: SignedText) -> frozenset[str]:
    """The labs whose signatures a text of a session or an agreement needs. Raises InvalidText for other texts."""
    match text:
        case Record(initiator=one, responder=two) | Agreement(labs=(one, two)):
            return frozenset((one, two))
        case Offer(initiator=lab) | Accept(responder=lab) | PreRecord(receiver=lab):
            return frozenset((lab,))
        case Refuse(by=lab) | Abort(by=lab) | Revocation(lab=lab):
            return frozenset((lab,))
        case _:
            raise InvalidText("this is no text of a session or an agreement")
