"""The pinned peers: kept in the store, logged, and held in memory for everyone who asks.

add(card)    store and log entry in one transaction ─▶ memory ─▶ new handshakes and calls are let in
remove(lab)  memory ─▶ new handshakes and calls are refused ─▶ open calls end ─▶ store and log entry
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlite_utils import Database

from psi_client.peer_fault import Fault
from psi_core.errors import Conflict, InputError, InvalidCertificate, NotFound, PeerUnreachable
from psi_core.identity.card import Card, renews
from psi_core.log.entry import EntryKind
from psi_service.clock import Clock, instant
from psi_service.log.mirror import forget
from psi_service.log.node_log import NodeLog
from psi_service.peers.open_calls import OpenCalls
from psi_service.peers.pins import Pin, PinBoard
from psi_service.peers.validity import check_valid_at
from psi_service.store.database import Store

T = TypeVar("T")

_READ = "SELECT card FROM peers WHERE removed IS NULL ORDER BY lab"
_ADD = """
INSERT INTO peers (lab, card, fingerprint, certificate, added) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (lab) DO UPDATE SET card = excluded.card, fingerprint = excluded.fingerprint,
  certificate = excluded.certificate, added = excluded.added, removed = NULL
"""
_REMOVE = "UPDATE peers SET removed = ? WHERE lab = ?"


class PeerDirectory:
    """The peers of the lab `own_lab`. `load` it before use; `pins` and `calls` are what the peer port reads."""

    def __init__(
        self, own_lab: str, store: Store, log: NodeLog, pins: PinBoard, calls: OpenCalls, clock: Clock
    ) -> None:
        self._own_lab = own_lab
        self._store = store
        self._log = log
        self._pins = pins
        self._calls = calls
        self._clock = clock
        self._cards: dict[str, Card] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read the peers from the store and put their pins in force."""
        notes = await self._store.query(lambda db: [bytes(note) for (note,) in db.execute(_READ)])
        cards = [Card.read(note) for note in notes]
        self._cards = {card.lab: card for card in cards}
        self._show()

    async def add(self, note: bytes) -> Card:
        """Pin the lab whose signed card `note` is; the same card twice is harmless.

        A card that only renews the pinned one takes its place. Raises what Card.read raises; InvalidCertificate when
        the certificate is not valid now; InputError for our own card; Conflict when another card is pinned.
        """
        card = Card.read(note)
        if card.lab == self._own_lab:
            raise InputError("this is this node's own card; add the card of the other lab")
        try:
            check_valid_at(card.certificate_der, self._clock())
        except InvalidCertificate as fault:
            raise InvalidCertificate(
                f"the TLS certificate of {card.lab}: {fault}. Ask for a new card"
            ) from fault
        await _to_the_end(self._add(card, note))
        return card

    async def remove(self, lab: str) -> None:
        """Pin `lab` no longer: new connections are refused, open calls end, also when the store then fails.

        Raises NotFound, or an error of the store or the log; after the latter it is back at the next start.
        """
        await _to_the_end(self._remove(lab))

    def get(self, lab: str) -> Card:
        """The pinned card of `lab`; raises NotFound."""
        card = self._cards.get(lab)
        if card is None:
            raise NotFound(f"no peer {lab} is pinned; `psi peers list` names those that are")
        return card

    def list(self) -> tuple[Card, ...]:
        """Every pinned card, by lab."""
        return tuple(card for _, card in sorted(self._cards.items()))

    def card_by_pin(self, value: bytes) -> Card | None:
        """The card whose TLS certificate has this SHA-256 (32 bytes), if it is pinned."""
        pin = self._pins.of_value(value)
        return None if pin is None else self._cards.get(pin.lab)

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change of the pinned peers, on the event loop."""
        self._pins.watch(watcher)

    async def _add(self, card: Card, note: bytes) -> None:
        async with self._changing:
            known = self._cards.get(card.lab)
            if known == card:
                return
            if known is not None and not renews(known, card):
                raise Conflict(
                    f"another card of {card.lab} is pinned; `psi peers remove {card.lab}` first, "
                    "once its people have read the new fingerprint to you"
                )
            await self._store.transaction(lambda db: self._write_added(db, card, note))
            self._cards[card.lab] = card
            self._show()

    async def _remove(self, lab: str) -> None:
        async with self._changing:
            card = self.get(lab)
            del self._cards[lab]
            self._show()
            words = f"{self._own_lab} and {lab} are no longer peers"
            self._calls.end(lab, PeerUnreachable(words, fault=Fault.REMOVED))
            await self._store.transaction(lambda db: self._write_removed(db, card))

    def _show(self) -> None:
        self._pins.replace(Pin.of(card) for card in self._cards.values())

    def _write_added(self, db: Database, card: Card, note: bytes) -> None:
        before = db.execute("SELECT card FROM peers WHERE lab = ?", (card.lab,)).fetchone()
        if before is not None:
            _begin_anew(db, Card.read(before[0]), card)
        db.execute(_ADD, (card.lab, note, card.fingerprint(), card.pin, instant(self._clock())))
        self._log.append(db, EntryKind.CARD, {"action": "added", "card": note.decode()}, peer=card.lab)

    def _write_removed(self, db: Database, card: Card) -> None:
        db.execute(_REMOVE, (instant(self._clock()), card.lab))
        body = {"action": "removed", "fingerprint": card.fingerprint().hex()}
        self._log.append(db, EntryKind.CARD, body, peer=card.lab)


def _begin_anew(db: Database, before: Card, card: Card) -> None:
    """A fresh node under a known name: books that hang on its old keys would refuse it for ever.

    Its old Offers, records and checkpoints stay in the log, with the entry of the card that signed them. A lab that
    only began its next log is no fresh node: what is known of the log before it stays evidence.
    """
    if renews(before, card):
        return
    if before.document_key != card.document_key:
        db.execute("DELETE FROM counters WHERE initiator = ? OR responder = ?", (card.lab, card.lab))
        forget(db, card.lab)
    if before.log_key != card.log_key:
        db.execute("DELETE FROM peer_checkpoints WHERE lab = ?", (card.lab,))
        db.execute("DELETE FROM witnessed_logs WHERE origin = ?", (before.log_origin,))


async def _to_the_end(change: Coroutine[Any, Any, T]) -> T:
    """Store and memory must not part company because the one who asked has gone."""
    return await asyncio.shield(asyncio.ensure_future(change))
