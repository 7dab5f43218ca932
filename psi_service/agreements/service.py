"""Propose, accept and revoke agreements with pinned labs.

    propose ─▶ proposed ──their acceptance──▶ in_force ──revoke, by either──▶ revoked
    their proposal ─▶ waiting ──accept──▶ in_force

Both signatures stand under one text; whoever signs second signs the text that it has parsed, shown and written
again. A proposal that is not wanted is declined by revoking it. Every note that is signed here is logged in the
transaction that signs it, and leaves after the head file is written.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlite_utils import Database

from psi_core.agreement.agreement import Agreement, Revocation
from psi_core.errors import Conflict, InputError, NotFound
from psi_core.identity.card import Card
from psi_core.identity.instant import moment
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.note import Note
from psi_core.log.signed_text import field_faults
from psi_service.agreements import rows
from psi_service.agreements.entries import log_agreement, log_and_revoke
from psi_service.agreements.incoming import IncomingAgreements
from psi_service.agreements.proposal import Proposal, text_of
from psi_service.agreements.rows import Row
from psi_service.agreements.views import AgreementView, State
from psi_service.agreements.words import in_words
from psi_service.clock import Clock, instant
from psi_service.consortium.hash_prefix import hash_prefix
from psi_service.consortium.service import ConsortiumKey
from psi_service.log.node_log import NodeLog
from psi_service.peers.hand_over import Deliver, hand_over
from psi_service.store.database import Store

_CANNOT_ACCEPT = {
    "proposed": "it was proposed here, and the other lab has to accept it",
    "in_force": "it is in force already",
    "revoked": "it is revoked; ask for a new proposal",
}


class AgreementService:
    """The agreements of the lab that `keys` belong to.

    `card_of` returns a pinned card or raises NotFound; `consortium_key` the current key or raises NotFound.
    `deliver` hands a note to a peer. A note that does not arrive, or is not to be sent (`send=False`), is in the
    view, for a file; `send` tries again.
    """

    def __init__(
        self,
        keys: NodeKeys,
        store: Store,
        log: NodeLog,
        card_of: Callable[[str], Card],
        consortium_key: Callable[[], Awaitable[ConsortiumKey]],
        deliver: Deliver,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._store = store
        self._log = log
        self._card_of = card_of
        self._consortium_key = consortium_key
        self._deliver = deliver
        self._clock = clock
        self._incoming = IncomingAgreements(keys.document.verifier, store, log, card_of)

    async def propose(self, proposal: Proposal, *, send: bool = True) -> AgreementView:
        """Write, sign, log and send an agreement for the other lab to accept.

        Raises InvalidText or InvalidMatchKey for terms that make no sense, NotFound without the peer's card or
        a consortium, NodeRefusing.
        """
        if proposal.lab == self._keys.lab:
            raise InputError("an agreement is with another lab")
        self._card_of(proposal.lab)
        current = await self._consortium_key()
        agreement = text_of(
            proposal,
            own_lab=self._keys.lab,
            profile=current.profile,
            key_id=current.key_id,
            nonce=secrets.token_hex(16),
            now=self._clock(),
        )

        def work(db: Database) -> Row:
            note = agreement.signed(self._keys.document)
            log_agreement(self._log, db, "proposed", agreement, note, proposal.lab)
            return rows.insert(db, agreement, proposal.lab, "proposed", note)

        return await self._sent(await self._store.transaction(work), send)

    async def received(self, lab: str, note: bytes) -> str:
        """Take an agreement or a revocation from the pinned `lab`: see IncomingAgreements.received."""
        return await self._incoming.received(lab, note)

    async def taken(self, note: bytes) -> str:
        """Take an agreement or a revocation that came as a file: see IncomingAgreements.taken."""
        return await self._incoming.taken(note)

    async def accept(self, prefix: str, *, send: bool = True) -> AgreementView:
        """Sign a waiting proposal and send it back. The caller has shown it to a person, who said yes.

        One that is in force already is only sent again. Raises NotFound; Conflict when it does not wait for
        this lab or does not fit this node; InvalidSignature when the peer's card has changed since;
        NodeRefusing.
        """
        row = await self._named(prefix)
        if row.state == "in_force":
            return await self._sent(row, send)
        _check_waiting(row)
        agreement = Agreement.open(row.note, self._card_of(row.peer).document_verifier)
        await self._check_fits(agreement)

        def work(db: Database) -> Row:
            waiting = rows.named(db, row.hash.hex())
            if waiting.state == "in_force":
                # Somebody else accepted it while this acceptance was checked: signed once, it is only sent again.
                return waiting
            _check_waiting(waiting)
            own = self._keys.document.sign(agreement.text())
            both = Note.parse(waiting.note).with_signature(own).render()
            log_agreement(self._log, db, "accepted", agreement, both, row.peer)
            return rows.put_in_force(db, waiting, both)

        return await self._sent(await self._store.transaction(work), send)

    async def revoke(self, prefix: str, reason: str, *, send: bool = True) -> AgreementView:
        """End an agreement, or decline a proposal, from now on.

        Raises NotFound, Conflict when it has ended before, InvalidText for a reason that is not 1 to 200
        visible characters, NodeRefusing.
        """
        row = await self._named(prefix)
        with field_faults(Revocation.TYPE):
            revocation = Revocation(
                agreement=row.hash.hex(), lab=self._keys.lab, reason=reason, created=instant(self._clock())
            )

        def work(db: Database) -> Row:
            note = revocation.signed(self._keys.document)
            return log_and_revoke(
                self._store, self._log, db, rows.named(db, row.hash.hex()), revocation, note
            )

        return await self._sent(await self._store.transaction(work), send)

    async def send(self, prefix: str) -> AgreementView:
        """Send again what the other lab should have: the agreement as it stands here, or its revocation."""
        return await self._sent(await self._named(prefix), send=True)

    async def list(self, state: State | None = None, peer: str | None = None) -> tuple[AgreementView, ...]:
        """Agreements, newest first; those in one state or with one lab when asked."""
        found = await self._store.query(lambda db: rows.listed(db, state, peer))
        return tuple(row.view() for row in found)

    async def get(self, prefix: str) -> AgreementView:
        """The agreement whose hash begins with `prefix`. Raises InputError, NotFound, Conflict."""
        return (await self._named(prefix)).view()

    async def text_for_people(self, prefix: str) -> str:
        """All of an agreement, in words. Raises as `get`."""
        return in_words((await self._named(prefix)).terms, self._keys.lab)

    async def of_hash(self, text_hash: bytes) -> Agreement:
        """The agreement of this hash (32 bytes), in whatever state. Raises NotFound."""
        row = await self._store.query(lambda db: rows.find(db, text_hash))
        if row is None:
            raise NotFound("no agreement of that hash is known here; `psi agreements propose` makes one")
        return row.terms

    async def in_force(self, lab: str, prefix: str | None = None) -> Agreement:
        """The agreement to run sessions with `lab` under: the one named, or the only one in force today.

        Raises NotFound when there is none, Conflict when several are and none is named.
        """
        found = await self._store.query(lambda db: rows.listed(db, "in_force", lab))
        if prefix is not None:
            digits = hash_prefix(prefix)
            usable = [row.terms for row in found if row.hash.hex().startswith(digits)]
        else:
            usable = [row.terms for row in found if _covers(row.terms, self._clock())]
        if not usable:
            raise NotFound(f"no such agreement with {lab} is in force; `psi agreements list` shows them all")
        if len(usable) > 1:
            names = ", ".join(sorted(agreement.short_id for agreement in usable))
            raise Conflict(f"several agreements with {lab} are in force ({names}): name one of them")
        return usable[0]

    async def _check_fits(self, agreement: Agreement) -> None:
        current = await self._consortium_key()
        if (agreement.consortium_key_id, agreement.profile) != (current.key_id, current.profile):
            raise Conflict(
                f"agreement {agreement.short_id} is for another consortium key or normalisation profile than "
                "this node's: join that consortium first, or ask for a new proposal"
            )
        if self._clock() >= moment(agreement.valid_until):
            raise Conflict(f"agreement {agreement.short_id} has ended already: ask for a new proposal")

    async def _named(self, prefix: str) -> Row:
        digits = hash_prefix(prefix)
        return await self._store.query(lambda db: rows.named(db, digits))

    async def _sent(self, row: Row, send: bool) -> AgreementView:
        if not send:
            return row.view()
        handed = await hand_over(self._deliver, row.peer, row.revocation or row.note)
        return row.view(handed.state, handed.fault)


def _check_waiting(row: Row) -> None:
    if row.state != "waiting":
        raise Conflict(f"agreement {row.terms.short_id}: {_CANNOT_ACCEPT[row.state]}")


def _covers(agreement: Agreement, now: datetime) -> bool:
    return moment(agreement.valid_from) <= now < moment(agreement.valid_until)
