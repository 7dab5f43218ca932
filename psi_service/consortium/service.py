"""Create a consortium, invite a pinned lab to it, join another lab's.

    create ─▶ current        invite(lab) ─▶ signed, sealed for the lab's card ─▶ delivered, or by file
    received(invite) ─▶ waiting for a person ─▶ join ─▶ current

The key is kept sealed under the data key. It can change only while no indicator is stored: fingerprints made
with the old key would match nothing and could not be told apart.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlite_utils import Database

from psi_core.errors import Conflict, InputError, NotFound
from psi_core.identity.card import Card
from psi_core.identity.invite import Invite
from psi_core.identity.node_keys import NodeKeys
from psi_core.kinds.fields import lengths
from psi_core.kinds.fingerprint import KEY_SIZE, key_id
from psi_core.kinds.registry import PROFILE
from psi_core.log.entry import EntryKind
from psi_core.log.signed_text import ShortText
from psi_service import sealing
from psi_service.clock import Clock, instant
from psi_service.consortium.hash_prefix import hash_prefix
from psi_service.consortium.views import ConsortiumView, InviteView, SentInvite
from psi_service.log.node_log import NodeLog
from psi_service.peers.hand_over import Deliver, HandedOver, hand_over
from psi_service.store.database import Store

MAX_WAITING = 32
"""Most unanswered invites of one lab."""

_NAME: TypeAdapter[str] = TypeAdapter(ShortText)
_LIST = "SELECT key_id, name, profile, origin, current, created FROM consortium_keys ORDER BY created, key_id"
_CURRENT = "SELECT key_id, name, profile, sealed FROM consortium_keys WHERE current = 1"
_WAITING = "SELECT note, received FROM inbox WHERE type = ? AND state = 'waiting' ORDER BY received, hash"
_BY_PREFIX = (
    "SELECT hash, note FROM inbox WHERE type = ? AND state = 'waiting' AND substr(lower(hex(hash)), 1, ?) = ?"
)


@dataclass(frozen=True)
class ConsortiumKey:
    """The current consortium key: 32 bytes, never shown, with its id, name and profile."""

    key_id: str
    name: str
    profile: str
    key: bytes = field(repr=False)


class ConsortiumService:
    """The consortium of the lab that `keys` belong to.

    `card_of` returns a pinned card or raises NotFound; `deliver` hands a note to a peer.
    """

    def __init__(
        self,
        keys: NodeKeys,
        store: Store,
        log: NodeLog,
        card_of: Callable[[str], Card],
        deliver: Deliver,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._store = store
        self._log = log
        self._card_of = card_of
        self._deliver = deliver
        self._clock = clock

    async def create(self, name: str) -> ConsortiumView:
        """Draw a new consortium key and make it current.

        Raises InputError for a name that is not 1 to 200 visible characters; Conflict while indicators are
        stored under another key; NodeRefusing.
        """
        try:
            _NAME.validate_python(name)
        except ValidationError:
            raise InputError("a consortium's name has 1 to 200 visible characters") from None
        key = secrets.token_bytes(KEY_SIZE)
        made = ConsortiumKey(key_id(key), name, PROFILE, key)
        return await self._store.transaction(lambda db: self._keep(db, made, self._keys.lab, "created"))

    async def list(self) -> tuple[ConsortiumView, ...]:
        """Every consortium this node was ever in, oldest first."""
        return await self._store.query(lambda db: tuple(_view(row) for row in db.query(_LIST)))

    async def current(self) -> ConsortiumKey:
        """The key that imports and sessions use. Raises NotFound when there is none."""
        return await self._store.query(lambda db: current_key(db, self._keys.data_key))

    async def invite(self, lab: str, *, send: bool = True) -> SentInvite:
        """Seal the current key for the pinned `lab`, sign and log the invite, and send it unless told not to.

        Raises NotFound when the lab is not pinned or there is no consortium; NodeRefusing.
        """
        card = self._card_of(lab)
        current = await self.current()
        note = await self._store.transaction(lambda db: self._sign_invite(db, current, card))
        handed = await hand_over(self._deliver, lab, note) if send else HandedOver()
        return SentInvite(
            lab=lab, key_id=current.key_id, note=note.decode(), delivered=handed.state, fault=handed.fault
        )

    async def received(self, lab: str, note: bytes) -> str:
        """Keep an invite that the pinned `lab` sent until a person joins: returns waiting or known.

        Raises what Invite.read raises, VerificationError when it does not open, NotFound, Conflict when too
        many wait already.
        """
        invite = self._read(lab, note)
        return await self._store.transaction(lambda db: self._store_invite(db, invite, note))

    async def waiting(self) -> tuple[InviteView, ...]:
        """The invites that nobody has answered, oldest first."""
        rows = await self._store.query(lambda db: db.execute(_WAITING, (Invite.TYPE,)).fetchall())
        return tuple(_invite_view(bytes(note), received) for note, received in rows)

    async def join(self, invite: str | bytes) -> ConsortiumView:
        """Make the key of an invite the current one. The caller has asked a person.

        `invite` is the beginning of a waiting invite's hash, or a note that was handed over as a file. The
        sender's card must be pinned now; that the sender pinned ours shows in that it sealed the key for it.
        Raises NotFound, Conflict, InputError, what `received` raises, NodeRefusing.
        """
        note = invite if isinstance(invite, bytes) else await self._waiting_note(invite)
        sender = Invite.unverified(note).sender
        read = self._read(sender, note)
        key = ConsortiumKey(read.key_id, read.consortium, read.profile, read.open_key(self._keys.sealing))

        def work(db: Database) -> ConsortiumView:
            view = self._keep(db, key, sender, "joined")
            db.execute("UPDATE inbox SET state = 'done' WHERE hash = ?", (read.hash(),))
            return view

        return await self._store.transaction(work)

    def _read(self, lab: str, note: bytes) -> Invite:
        invite = Invite.read(note, sender=self._card_of(lab), recipient=self._keys.lab)
        if invite.profile != PROFILE:
            raise InputError(
                f"the invite is for another normalisation profile than {PROFILE}, the only one that this "
                "version knows: install the version that the other lab runs"
            )
        invite.open_key(self._keys.sealing)
        return invite

    async def _waiting_note(self, prefix: str) -> bytes:
        digits = hash_prefix(prefix)
        rows = await self._store.query(
            lambda db: db.execute(_BY_PREFIX, (Invite.TYPE, len(digits), digits)).fetchall()
        )
        if not rows:
            raise NotFound(
                "no invite with that hash waits here; `psi-node consortium list` names those that do"
            )
        if len(rows) > 1:
            raise Conflict("several invites begin like that: give more digits")
        return bytes(rows[0][1])

    def _store_invite(self, db: Database, invite: Invite, note: bytes) -> str:
        seen = db.execute(
            "SELECT 1 FROM inbox WHERE hash = ? UNION SELECT 1 FROM consortium_keys WHERE key_id = ?",
            (invite.hash(), invite.key_id),
        ).fetchone()
        if seen:
            return "known"
        count = db.execute(
            "SELECT count(*) FROM inbox WHERE lab = ? AND type = ? AND state = 'waiting'",
            (invite.sender, Invite.TYPE),
        ).fetchone()[0]
        if count >= MAX_WAITING:
            raise Conflict(f"{MAX_WAITING} invites of this lab wait already; answer them first")
        db.execute(
            "INSERT INTO inbox (hash, type, lab, note, received) VALUES (?, ?, ?, ?, ?)",
            (invite.hash(), Invite.TYPE, invite.sender, note, instant(self._clock())),
        )
        return "waiting"

    def _sign_invite(self, db: Database, current: ConsortiumKey, card: Card) -> bytes:
        note = Invite.seal(
            current.key,
            signer=self._keys.document,
            recipient=card,
            consortium=current.name,
            profile=current.profile,
            created=instant(self._clock()),
        )
        body = {
            "action": "invited",
            "key_id": current.key_id,
            "invite": Invite.unverified(note).hash().hex(),
        }
        self._log.append(db, EntryKind.CONSORTIUM_KEY, body, peer=card.lab)
        return note

    def _keep(self, db: Database, key: ConsortiumKey, origin: str, action: str) -> ConsortiumView:
        known = db.execute("SELECT current FROM consortium_keys WHERE key_id = ?", (key.key_id,)).fetchone()
        if known == (1,):
            raise Conflict("this node is in that consortium already")
        _check_nothing_depends_on_the_key(db)
        db.execute("UPDATE consortium_keys SET current = 0")
        sealed = sealing.seal(self._keys.data_key, key.key, _sealed_for(key.key_id))
        db.execute(
            "INSERT INTO consortium_keys (key_id, name, profile, sealed, origin, current, created)"
            " VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (key_id) DO UPDATE SET current = 1",
            (key.key_id, key.name, key.profile, sealed, origin, instant(self._clock())),
        )
        body = {"action": action, "key_id": key.key_id, "profile": key.profile, "origin": origin}
        self._log.append(
            db, EntryKind.CONSORTIUM_KEY, body, peer=None if origin == self._keys.lab else origin
        )
        return next(_view(row) for row in db.query(_LIST) if row["key_id"] == key.key_id)


def _check_nothing_depends_on_the_key(db: Database) -> None:
    busy = db.execute(
        "SELECT 1 FROM consortium_keys WHERE current = 1 AND (EXISTS (SELECT 1 FROM indicators)"
        " OR EXISTS (SELECT 1 FROM imports WHERE state = 'running'))"
    ).fetchone()
    if busy:
        raise Conflict(
            "indicators are stored under the present consortium key, and would match nothing under another: "
            "set up a node in a fresh folder, join there and import again"
        )


def current_key(db: Database, data_key: bytes) -> ConsortiumKey:
    """The current consortium key, unsealed. Raises NotFound when there is none, StoreError for another data key."""
    row = db.execute(_CURRENT).fetchone()
    if row is None:
        raise NotFound(
            "this node is in no consortium: `psi-node consortium create`, or join another lab's invite"
        )
    identifier, name, profile, sealed = row
    return ConsortiumKey(identifier, name, profile, sealing.open(data_key, sealed, _sealed_for(identifier)))


def _sealed_for(identifier: str) -> bytes:
    return lengths("psi-consortium-key/v1", identifier)


def _view(row: Mapping[str, Any]) -> ConsortiumView:
    return ConsortiumView(**{**row, "current": bool(row["current"])})


def _invite_view(note: bytes, received: str) -> InviteView:
    invite = Invite.unverified(note)
    return InviteView(
        hash=invite.hash().hex(),
        lab=invite.sender,
        consortium=invite.consortium,
        key_id=invite.key_id,
        profile=invite.profile,
        received=received,
    )
