"""`psi-node log rotate` and `psi-node log new-start`: the node's next log, under a new key and a new origin.

    rotate      ask a peer to cosign ─▶ last entry names the next key ─▶ last checkpoint, cosigned ─▶ next log begins
    new-start   ask everyone what the log had ─▶ what can be recovered is ─▶ next log begins, names what is known of
                the old one, and what peers have of forgotten sessions is logged in it

Whoever is interrupted runs the same command again (see key_files.py for the files).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from psi_core.errors import Conflict, InvalidConfiguration, NodeRefusing, PeerUnreachable
from psi_core.identity.node_keys import NodeKeys
from psi_core.log.succession import Continuation, number_of, origin_after
from psi_service.identity.own_card import read_card
from psi_service.log.cosigned import cosigned_checkpoint, size_of
from psi_service.log.head_file import HeadFile
from psi_service.log.start_rules import check_extends
from psi_service.log.stored_tree import node_reader, stored_size
from psi_service.log.succession import closing
from psi_service.recovery.key_files import next_keys
from psi_service.recovery.next_log import begin_log, close_log, last_signed, log_again, uncovered
from psi_service.recovery.recovering import Answers, Recovering
from psi_service.recovery.tail import best_tail
from psi_service.recovery.writing import withheld
from psi_service.sessions.books import Desk
from psi_service.settings import Settings

_END_EPOCHS = "UPDATE epoch_keys SET secret = NULL, ended = coalesce(ended, ?)"
_COSIGNED = "SELECT witness FROM cosigned_checkpoints WHERE size = ? ORDER BY witness"


@dataclass(frozen=True)
class Renewed:
    """The next log and the one before: its last signed size, how many entries it is known to have had, who cosigned.

    After a new start: sessions taken back, texts logged anew, budget lines that still count as spent.
    """

    origin: str
    before: str
    size: int
    known: int
    cosigned: tuple[str, ...]
    sessions: int = 0
    logged: int = 0
    withheld: int = 0


class Renewing:
    """Begins the next log of `desk`'s node. `cosign` asks every peer to cosign the log as it stands."""

    def __init__(
        self,
        settings: Settings,
        keys: NodeKeys,
        desk: Desk,
        recovering: Recovering,
        cosign: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._desk = desk
        self._recovering = recovering
        self._cosign = cosign

    async def rotate(self, *, uncosigned: bool = False) -> Renewed:
        """Close the log with an entry that names the next one's key, and begin that.

        Raises NodeRefusing when the log may not grow; PeerUnreachable when no peer cosigns it now and `uncosigned` is
        not set: nothing is changed then.
        """
        store, log = self._desk.store, self._desk.log
        following = next_keys(self._settings, self._keys, origin_after(log.origin))
        due = await store.query(closing)
        if due is None:
            await log.checkpoint()
            await self._cosigned_by(required=not uncosigned)
            await store.transaction(lambda db: close_log(db, log, following, self._desk.now()))
        elif due == following.log.verifier:
            await store.transaction(log.resume)
        else:
            raise InvalidConfiguration(
                f"the log has named {due} as its successor, and keys/log.key.next is another key: put the former back"
            )
        note = await log.checkpoint()
        names = await self._cosigned_by(required=False)
        note = await cosigned_checkpoint(store, log)
        continuation = Continuation("rotated", log.verifier, note, size_of(note))

        def work(db: Database) -> None:
            db.execute(_END_EPOCHS, (self._desk.now(),))
            begin_log(db, log, following, continuation, self._card(following), self._desk.now())

        await store.transaction(work)
        return Renewed(following.log_origin, continuation.origin, size_of(note), size_of(note), names)

    async def new_start(
        self, exports: Sequence[Path], without: Collection[str], number: int | None = None
    ) -> Renewed:
        """Begin a new log because the old one lost its end. Everything that can still be known of it is asked for.

        Raises Conflict when nothing was lost; PeerUnreachable and NotFound as `Recovering.recover`.
        """
        answers = await self._recovering.ask(exports, without)
        await self._check_lost(answers)
        following = next_keys(self._settings, self._keys, self._next_origin(number))
        card = self._card(following)
        return await self._desk.store.transaction(lambda db: self._begin(db, answers, following, card))

    def _begin(self, db: Database, answers: Answers, following: NodeKeys, card: bytes) -> Renewed:
        log, writing = self._desk.log, self._recovering.writing
        if stored_size(db) != answers.start:
            raise NodeRefusing("the log grew meanwhile: stop the node, then try again")
        found = best_tail(answers.start, answers.tails, node_reader(db))
        writing.append(db, found)
        own = writing.own_texts(db, answers.start, answers.asked)
        last = last_signed(db, self._keys.log, found.note if found else b"")
        size = size_of(last)
        again = uncovered(db, size)
        known = max(
            [size, *(each.head.size for each in answers.known), *(t.head.size for t in answers.tails)]
        )
        writing.settle_books(db)
        begin_log(db, log, following, Continuation("lost", log.verifier, last, known), card, self._desk.now())
        log_again(db, log, again)
        sessions, logged = writing.adopt(db, own, answers.asked)
        return Renewed(
            following.log_origin,
            self._keys.log_origin,
            size,
            known,
            (),
            sessions,
            logged + len(again),
            withheld(db),
        )

    async def _check_lost(self, answers: Answers) -> None:
        """Raise Conflict when the log is whole and reaches all that is known of it."""
        if self._desk.log.refusal is not None:
            return

        def work(db: Database) -> bool:
            try:
                for each in answers.known:
                    check_extends(db, each.head, each.source)
            except NodeRefusing:
                return True
            return bool(answers.tails)

        if not await self._desk.store.query(work):
            raise Conflict(
                "the log is whole and reaches everything that is known of it: there is no reason for a new start. "
                "To change its key: psi-node log rotate"
            )

    def _next_origin(self, number: int | None) -> str:
        own = self._keys.log_origin
        head = HeadFile(self._settings.head_path).read()
        newest = own if head is None else max(own, head.origin, key=number_of)
        return origin_after(newest, number)

    def _card(self, following: NodeKeys) -> bytes:
        address = read_card(self._settings, self._keys).card.address
        return following.card(self._settings.lab, address, self._desk.clock())

    async def _cosigned_by(self, *, required: bool) -> tuple[str, ...]:
        """Have the log as it stands cosigned; returns by whom."""
        await self._cosign()
        size, peers = self._desk.log.size, self._recovering.peers
        rows = await self._desk.store.query(lambda db: db.execute(_COSIGNED, (size,)).fetchall())
        names = tuple(name for (name,) in rows)
        if required and peers and not set(names) & set(peers):
            raise PeerUnreachable(
                "no peer has cosigned the log as it stands, so nobody else could vouch for its end: try again when one "
                "runs (psi peers test), or give --uncosigned. Nothing was changed",
                fault="no_route",
            )
        return names
