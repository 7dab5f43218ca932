"""Agreements in the store: read by hash or its beginning, and moved from state to state inside transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.errors import Conflict, NotFound
from psi_core.log.note import Note
from psi_service.agreements.views import AgreementView, Ending, State

_BY_HASH = "SELECT hash, peer, state, note, revocation FROM agreements WHERE hash = ?"
_BY_PREFIX = """
SELECT hash, peer, state, note, revocation FROM agreements WHERE substr(lower(hex(hash)), 1, ?) = ?
"""
_LISTED = """
SELECT hash, peer, state, note, revocation FROM agreements
WHERE (:state IS NULL OR state = :state) AND (:peer IS NULL OR peer = :peer) ORDER BY created DESC, hash
"""


@dataclass(frozen=True)
class Row:
    """One agreement as it is kept: the note has one signature, or both once in force."""

    hash: bytes
    peer: str
    state: State
    note: bytes
    revocation: bytes | None

    @property
    def terms(self) -> Agreement:
        """The text; its signatures were checked before it was stored."""
        return Agreement.unverified(self.note)

    def view(self, delivered: str | None = None, fault: str | None = None) -> AgreementView:
        """What is shown of it."""
        return AgreementView(
            hash=self.hash.hex(),
            peer=self.peer,
            state=self.state,
            terms=self.terms,
            note=self.note.decode(),
            revocation=self.revocation.decode() if self.revocation is not None else None,
            ended=self._ending(),
            delivered=delivered,
            fault=fault,
        )

    def _ending(self) -> Ending | None:
        """Whoever signed a note that lacks the other signature had proposed it."""
        if self.revocation is None:
            return None
        ended = Revocation.unverified(self.revocation)
        signers = {signature.name for signature in Note.parse(self.note).signatures}
        how: Literal["revoked", "declined", "withdrawn"] = "declined"
        if signers >= set(self.terms.labs):
            how = "revoked"
        elif ended.lab in signers:
            how = "withdrawn"
        return Ending(how=how, by=ended.lab, at=ended.created, reason=ended.reason)


def find(db: Database, text_hash: bytes) -> Row | None:
    """The agreement of this hash (32 bytes), if it is known."""
    row = db.execute(_BY_HASH, (text_hash,)).fetchone()
    return Row(*row) if row else None


def named(db: Database, prefix: str) -> Row:
    """The one agreement whose hash begins with `prefix` (lower-case hex). Raises NotFound, Conflict."""
    found = db.execute(_BY_PREFIX, (len(prefix), prefix)).fetchall()
    if not found:
        raise NotFound("no agreement has a hash that begins like that; `psi agreements list` shows all")
    if len(found) > 1:
        raise Conflict("several agreements have hashes that begin like that: give more digits")
    return Row(*found[0])


def listed(db: Database, state: str | None, peer: str | None) -> list[Row]:
    """Agreements, newest first; those in one state or with one lab when asked."""
    rows = db.execute(_LISTED, {"state": state, "peer": peer}).fetchall()
    return [Row(*row) for row in rows]


def count(db: Database, state: State, peer: str) -> int:
    """How many agreements with `peer` are in `state`."""
    found: int = db.execute(
        "SELECT count(*) FROM agreements WHERE state = ? AND peer = ?", (state, peer)
    ).fetchone()[0]
    return found


def insert(db: Database, agreement: Agreement, peer: str, state: State, note: bytes) -> Row:
    """Keep a new agreement."""
    db.execute(
        "INSERT INTO agreements (hash, peer, title, note, state, created) VALUES (?, ?, ?, ?, ?, ?)",
        (agreement.hash(), peer, agreement.title, note, state, agreement.created),
    )
    return Row(agreement.hash(), peer, state, note, None)


def put_in_force(db: Database, row: Row, note: bytes) -> Row:
    """Replace the note by the one with both signatures."""
    db.execute("UPDATE agreements SET state = 'in_force', note = ? WHERE hash = ?", (note, row.hash))
    return Row(row.hash, row.peer, "in_force", note, row.revocation)


def put_revoked(db: Database, row: Row, revocation: bytes) -> Row:
    """End it, and keep the note that did."""
    db.execute(
        "UPDATE agreements SET state = 'revoked', revocation = ? WHERE hash = ?", (revocation, row.hash)
    )
    return Row(row.hash, row.peer, "revoked", row.note, revocation)
