"""Agreements and revocations that another lab signed, as they come in over the peers service or as a file.

their proposal            ─▶ waiting for a person here
our proposal, their signature under the same text ─▶ in force
their revocation          ─▶ revoked, at once
anything seen before      ─▶ known, and nothing changes: what was revoked stays revoked
"""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.errors import Conflict, NotFound, VerificationError
from psi_core.identity.card import Card
from psi_core.log.key import Verifier
from psi_core.log.note import Note
from psi_core.log.signed_text import text_type
from psi_service.agreements import rows
from psi_service.agreements.entries import log_agreement, log_and_revoke
from psi_service.agreements.rows import Row
from psi_service.log.node_log import NodeLog
from psi_service.store.database import Store

MAX_WAITING = 32
"""Most unanswered proposals of one lab."""


class IncomingAgreements:
    """Takes notes for the lab that `own` is the document key of."""

    def __init__(self, own: Verifier, store: Store, log: NodeLog, card_of: Callable[[str], Card]) -> None:
        self._own = own
        self._store = store
        self._log = log
        self._card_of = card_of

    async def received(self, lab: str, note: bytes) -> str:
        """Take a note that the pinned `lab` sent; returns waiting, in_force, revoked or known.

        Raises InvalidNote, InvalidText, InvalidMatchKey, InvalidSignature; VerificationError when it is not
        between `lab` and this lab; NotFound; Conflict when too many wait already; NodeRefusing.
        """
        if text_type(note) == Revocation.TYPE:
            return await self._revocation(lab, note)
        return await self._agreement(lab, note)

    async def taken(self, note: bytes) -> str:
        """`received`, for a note that came as a file: its sender is the other lab that the text names."""
        if text_type(note) == Revocation.TYPE:
            return await self.received(Revocation.unverified(note).lab, note)
        return await self.received(self._other(Agreement.unverified(note)), note)

    async def _agreement(self, lab: str, note: bytes) -> str:
        peer = self._card_of(lab).document_verifier
        agreement = Agreement.open(note, peer)
        if self._other(agreement) != lab:
            raise VerificationError("the agreement is not between the lab that sent it and this one")

        def work(db: Database) -> str:
            known = rows.find(db, agreement.hash())
            if known is None:
                return self._keep(db, agreement, lab, _signed_by(peer, agreement, note))
            return self._complete(db, agreement, known, note) if known.state == "proposed" else "known"

        return await self._store.transaction(work)

    def _keep(self, db: Database, agreement: Agreement, lab: str, note: bytes) -> str:
        if rows.count(db, "waiting", lab) >= MAX_WAITING:
            raise Conflict(f"{MAX_WAITING} proposals of this lab wait already; answer them first")
        rows.insert(db, agreement, lab, "waiting", note)
        return "waiting"

    def _complete(self, db: Database, agreement: Agreement, proposed: Row, note: bytes) -> str:
        """The text is the one that was proposed here, so the peer's signature alone is new."""
        peer = self._card_of(proposed.peer).document_verifier
        both = Note.parse(proposed.note)
        for signature in Note.parse(_signed_by(peer, agreement, note)).signatures:
            both = both.with_signature(signature)
        Agreement.open(both.render(), self._own, peer)
        log_agreement(self._log, db, "in_force", agreement, both.render(), proposed.peer)
        rows.put_in_force(db, proposed, both.render())
        return "in_force"

    async def _revocation(self, lab: str, note: bytes) -> str:
        revocation = Revocation.open(note, self._card_of(lab).document_verifier)
        if revocation.lab != lab:
            raise VerificationError("the revocation is not by the lab that signed it")

        def work(db: Database) -> str:
            row = rows.find(db, bytes.fromhex(revocation.agreement))
            if row is None or row.peer != lab:
                raise NotFound("the revocation is of an agreement that is not known here")
            if row.state == "revoked":
                return "known"
            log_and_revoke(self._store, self._log, db, row, revocation, note)
            return "revoked"

        return await self._store.transaction(work)

    def _other(self, agreement: Agreement) -> str:
        if self._own.name not in agreement.labs:
            raise VerificationError("the agreement is between other labs")
        return agreement.other(self._own.name)


def _signed_by(verifier: Verifier, agreement: Agreement, note: bytes) -> bytes:
    """The text with the first signature by `verifier` alone: what else stands under a peer's note is not kept."""
    signatures = Note.parse(note).signatures
    own = next(each for each in signatures if (each.name, each.key_id) == (verifier.name, verifier.key_id))
    return Note(agreement.text(), (own,)).render()
