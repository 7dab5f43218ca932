"""The sessions that are open at one point of a log, and one step of a session."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from psi_client.audit.facts import Faults
from psi_client.audit.texts import RECORD_KINDS, Opened
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.signed_text import SignedText
from psi_core.session.closing import Record
from psi_core.session.counter import ZEROS
from psi_core.session.opening import Accept, Offer, Refuse

MAX_OPEN = 4096
"""An honest log has a few open sessions at a time; a text has at most 64 KiB."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A snapshot entry of a session."""

    position: int
    match_key: object
    padded_size: object
    commitment: object


@dataclass(slots=True)
class Case:
    """One session that is not over yet, as far as the log has told."""

    offer: Offer | None = None
    offer_hash: bytes = b""
    offered_at: int = -1
    previous: bytes = ZEROS
    accept: Accept | None = None
    accept_hash: bytes = b""
    accepted_at: int = -1
    snapshots: list[Committed] = field(default_factory=list)
    pre_records: dict[str, SignedText] = field(default_factory=dict)

    @property
    def hashes(self) -> tuple[bytes, bytes]:
        """Of Offer and Accept, as they stand in the log."""
        return self.offer_hash, self.accept_hash


class Step(NamedTuple):
    """One entry about a session or an agreement. `case` is None for an offer whose session id was used before.

    `recovered`: this lab had lost the text and logged it anew, later and out of its place. `accepted` is the Accept
    that this lab acts on, `complete` the record with signature lines of both labs, if that is what the entry holds.
    """

    position: int
    time: str
    kind: EntryKind
    body: dict[str, Any]
    opened: Opened | None
    case: Case | None
    recovered: bool
    accepted: Accept | None
    complete: Record | None


class Topic(Protocol):
    """One question that the replay answers; `faults` holds what is wrong once `finish` has returned.

    Only entries of KINDS say anything about it: it is handed no others.
    """

    KINDS: ClassVar[frozenset[EntryKind]]
    faults: Faults

    def take(self, step: Step) -> None:
        """Look at the next step."""
        ...

    def finish(self) -> None:
        """The log is at its end."""
        ...


class Cases:
    """Open sessions by id. A session leaves when it is refused, aborted or has its record."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Case] = OrderedDict()
        self._over: set[bytes] = set()
        self.left_out = 0

    def step(self, entry: Entry, opened: Opened | None, position: int) -> Step:
        """Place an entry with its main text; what it says is in the case by then."""
        kind, body, case = entry.kind, entry.body, self._case(entry, opened)
        text = opened.text if opened else None
        accepted = _accepted(kind, body, text)
        complete = _complete(kind, opened)
        recovered = body.get("recovered") is True
        step = Step(position, entry.time, kind, body, opened, case, recovered, accepted, complete)
        if case is None:
            return step
        if kind is EntryKind.SNAPSHOT:
            found = (body.get(name) for name in ("match_key", "padded_size", "commitment"))
            case.snapshots.append(Committed(position, *found))
        elif opened and isinstance(text, Offer):
            case.offer, case.offer_hash, case.offered_at = text, opened.hash, position
        elif opened and accepted:
            case.accept, case.accept_hash, case.accepted_at = accepted, opened.hash, position
        return step

    def leave(self, step: Step) -> None:
        """Forget a session that this step ended."""
        text = step.opened.text if step.opened else None
        if step.case is None or text is None:
            return
        refused = isinstance(text, Refuse) and text.offer == step.case.offer_hash.hex()
        if refused or step.complete or step.kind is EntryKind.ABORT:
            session_id: str = getattr(text, "session_id", "")
            self._open.pop(session_id, None)
            self._over.add(bytes.fromhex(session_id))

    def _case(self, entry: Entry, opened: Opened | None) -> Case | None:
        text = opened.text if opened else None
        session_id = getattr(text, "session_id", None)
        if entry.kind is EntryKind.SNAPSHOT:
            session_id = entry.body.get("session_id")
        if not isinstance(session_id, str):
            return None
        case = self._open.get(session_id)
        if isinstance(text, Offer):
            return self._offered(session_id, case)
        if case is None and entry.kind is EntryKind.SNAPSHOT and _id(session_id) not in self._over:
            return self._new(session_id)
        return case

    def _offered(self, session_id: str, case: Case | None) -> Case | None:
        if _id(session_id) in self._over or (case is not None and case.offer is not None):
            return None
        return case or self._new(session_id)

    def _new(self, session_id: str) -> Case:
        if len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)
            self.left_out += 1
        self._open[session_id] = Case()
        return self._open[session_id]


def _accepted(kind: EntryKind, body: dict[str, Any], text: SignedText | None) -> Accept | None:
    acts = kind is EntryKind.DECISION and body.get("accepted") is True
    return text if acts and isinstance(text, Accept) else None


def _complete(kind: EntryKind, opened: Opened | None) -> Record | None:
    if opened is None or kind not in RECORD_KINDS or not isinstance(opened.text, Record):
        return None
    both = {opened.text.initiator, opened.text.responder}
    return opened.text if opened.signed >= both else None


def _id(session_id: str) -> bytes:
    # A snapshot's body is no signed text: its session id may be anything.
    try:
        return bytes.fromhex(session_id)
    except ValueError:
        return b""
