"""Keys of engine `oprf`: ours, drawn and committed before their first use; the peers', proven and remembered.

One key per agreement, epoch and match key. An epoch ends when the next run would pass what its statement allows; its
secret is destroyed then. A peer that shows a second key for an epoch, or an epoch that is over, is not served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlite_utils

from psi_core.engines.oprf.epoch import EpochUse, caps
from psi_core.engines.oprf.evidence import check_evidence, entry_body, evidence
from psi_core.engines.oprf.key import EpochKey, KeyStatement, check_same, state
from psi_core.engines.oprf.lane import check_statement, sender_side
from psi_core.errors import EngineFault, InvalidProof, NotFound
from psi_core.identity.card import Card
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import EntryKind
from psi_core.log.tree import inclusion_proof
from psi_core.session.opening import Accept, Direction, KeyEvidence, Lane, Offer
from psi_core.session.roles import Side
from psi_service.bundles.keeping import MOST_BYTES, Bundles
from psi_service.log.stored_tree import node_reader, read_entry
from psi_service.sealing import open as unseal
from psi_service.sealing import seal
from psi_service.sessions.books import Desk
from psi_service.sessions.generations import Generations
from psi_service.sessions.key_turns import KeyTurns
from psi_service.sessions.resumptions import Resumptions

KEYED = "oprf"
"""The one engine whose sender commits a key."""
FIRST_EPOCH = 1


@dataclass(frozen=True)
class LaneKey:
    """The key of one lane: its statement; the secret and its entry's position in our log where the key is ours."""

    statement: KeyStatement
    own: EpochKey | None = field(default=None, repr=False)
    position: int | None = None


LaneKeys = tuple[LaneKey | None, ...]


@dataclass(frozen=True)
class KeyedLane:
    """What decides which key serves a lane: sizes are padded; the receiver's may be an upper bound.

    changes: of an incremental run, the items that it evaluates for the peer and the tags that it adds.
    """

    engine: str
    match_key: str
    receiver_size: int
    sender_size: int
    changes: tuple[int, int] | None = None


class Cost(NamedTuple):
    """What one run counts against our key: items evaluated for the peer, tags sent, whether it is a full run."""

    evaluations: int
    tags: int
    full: bool


class EpochKeys:
    """The books of both kinds of keys, and of what is kept of the runs under them.

    `data_key` seals the secrets; `bundle_bytes` bounds all bundles together.
    """

    def __init__(self, desk: Desk, data_key: bytes, bundle_bytes: int = MOST_BYTES) -> None:
        self._desk = desk
        self._data_key = data_key
        self.generations = Generations(desk.store, data_key)
        self.bundles = Bundles(desk.store, data_key, bundle_bytes)
        self.resumptions = Resumptions(desk.store, data_key)
        self.turns = KeyTurns()

    async def current(self, agreement: bytes, match_key: str) -> KeyStatement | None:
        """The statement of our key that has not ended; None before the first."""
        return await self._desk.store.query(
            lambda db: _newest(
                db,
                "SELECT statement FROM epoch_keys WHERE agreement = ? AND match_key = ? AND secret IS NOT NULL"
                " ORDER BY epoch DESC LIMIT 1",
                (agreement, match_key),
            )
        )

    async def last_shown(self, lab: str, agreement: bytes, match_key: str) -> KeyStatement | None:
        """The peer's newest statement that was proven to us; None before the first."""
        return await self._desk.store.query(
            lambda db: _newest(
                db,
                "SELECT statement FROM peer_epoch_keys WHERE lab = ? AND agreement = ? AND match_key = ?"
                " ORDER BY epoch DESC LIMIT 1",
                (lab, agreement, match_key),
            )
        )

    async def own(
        self, side: Side, direction: Direction, peer: str, agreement: bytes, lanes: Sequence[KeyedLane]
    ) -> LaneKeys:
        """Our keys for these lanes, drawn and logged where the epoch has to begin; None where we hold none.

        Raises EngineFault when a set is too large for one key, or the native core is missing.
        """
        if sender_side(direction) != side or all(lane.engine != KEYED for lane in lanes):
            return (None,) * len(lanes)
        return await self._desk.store.transaction(
            lambda db: tuple(
                self._current(db, peer, agreement, lane) if lane.engine == KEYED else None for lane in lanes
            )
        )

    async def evidence(self, key: LaneKey | None, size: int) -> KeyEvidence | None:
        """Proof that our key's entry is in the log of `size` entries."""
        if key is None or key.position is None:
            return None
        position = key.position
        return await self._desk.store.query(
            lambda db: evidence(
                read_entry(db, position), position, inclusion_proof(position, size, node_reader(db))
            )
        )

    async def shown(self, side: Side, peer: Card, offer: Offer, text: Offer | Accept) -> LaneKeys:
        """The peer's keys in its Offer or Accept, whose checkpoint is verified already; remembered from now on.

        Raises InvalidProof or InvalidText when a key is missing, not proven, or a second one for its epoch.
        """
        due = sender_side(offer.direction) != side
        found = tuple(
            self._proven(lane, peer, text.checkpoint, offer.agreement, due=due) for lane in text.lanes
        )

        def remember(db: sqlite_utils.Database) -> None:
            for each in found:
                if each is not None:
                    self._remember(db, each.statement)

        await self._desk.store.transaction(remember)
        return found

    async def of_statement(self, statement: KeyStatement) -> LaneKey:
        """Our key by its statement, for a session that goes on. Raises NotFound once its epoch has ended."""
        row = await self._desk.store.query(
            lambda db: db.execute(
                "SELECT secret, position FROM epoch_keys WHERE agreement = ? AND match_key = ? AND epoch = ?"
                " AND statement = ? AND secret IS NOT NULL",
                (*_name(statement), statement.text()),
            ).fetchone()
        )
        if row is None:
            raise NotFound(f"the key of epoch {statement.epoch} of {statement.match_key} is destroyed")
        sealed, position = row
        return LaneKey(statement, EpochKey(unseal(self._data_key, sealed, statement.hash())), position)

    def spend(self, db: sqlite_utils.Database, keys: LaneKeys, costs: Sequence[Cost]) -> None:
        """Count a run against our keys' epochs, in the transaction that debits it.

        `costs`: one a lane. Raises EngineFault when an epoch does not allow it.
        """
        for key, cost in zip(keys, costs, strict=True):
            if key is None or key.own is None:
                continue
            statement = key.statement
            use = _after(db, statement, cost)
            db.execute(
                "UPDATE epoch_keys SET evaluations = ?, tags = ? WHERE agreement = ? AND match_key = ? AND epoch = ?",
                (use.evaluations, use.tags, *_name(statement)),
            )

    def _current(self, db: sqlite_utils.Database, peer: str, agreement: bytes, lane: KeyedLane) -> LaneKey:
        row = db.execute(
            "SELECT epoch, secret, statement, position FROM epoch_keys WHERE agreement = ? AND match_key = ?"
            " ORDER BY epoch DESC LIMIT 1",
            (agreement, lane.match_key),
        ).fetchone()
        if row is None:
            return self._begin(db, peer, agreement, lane, FIRST_EPOCH)
        epoch, sealed, text, position = row
        statement = KeyStatement.from_text(text)
        if sealed is None or not _allows(db, statement, lane):
            db.execute(
                "UPDATE epoch_keys SET secret = NULL, ended = coalesce(ended, ?)"
                " WHERE agreement = ? AND match_key = ? AND epoch = ?",
                (self._desk.now(), *_name(statement)),
            )
            return self._begin(db, peer, agreement, lane, epoch + 1)
        return LaneKey(statement, EpochKey(unseal(self._data_key, sealed, statement.hash())), position)

    def _begin(
        self, db: sqlite_utils.Database, peer: str, agreement: bytes, lane: KeyedLane, epoch: int
    ) -> LaneKey:
        key = EpochKey.fresh()
        max_evaluations, max_tags = caps(lane.receiver_size, lane.sender_size)
        statement = state(
            key,
            lab=self._desk.lab,
            peer=peer,
            agreement=agreement,
            match_key=lane.match_key,
            epoch=epoch,
            max_evaluations=max_evaluations,
            max_tags=max_tags,
        )
        position = self._desk.log.append(db, EntryKind.KEY, dict(entry_body(statement)), peer=peer)
        db.execute(
            "INSERT INTO epoch_keys (agreement, match_key, epoch, secret, statement, position, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *_name(statement),
                seal(self._data_key, key.secret, statement.hash()),
                statement.text(),
                position,
                self._desk.now(),
            ),
        )
        return LaneKey(statement, key, position)

    def _proven(
        self, lane: Lane, peer: Card, checkpoint: str, agreement: str, *, due: bool
    ) -> LaneKey | None:
        if lane.engine != KEYED or not due:
            if lane.key is not None:
                raise InvalidProof(f"lane {lane.match_key} carries a key where its side has none to show")
            return None
        if lane.key is None:
            raise InvalidProof(f"lane {lane.match_key} lacks the sender's key")
        statement = check_evidence(lane.key, Checkpoint.open(checkpoint.encode(), peer.log_verifier))
        check_statement(
            statement,
            lab=peer.lab,
            peer=self._desk.lab,
            agreement=bytes.fromhex(agreement),
            match_key=lane.match_key,
        )
        return LaneKey(statement)

    def _remember(self, db: sqlite_utils.Database, statement: KeyStatement) -> None:
        row = db.execute(
            "SELECT epoch, statement FROM peer_epoch_keys WHERE lab = ? AND agreement = ? AND match_key = ?"
            " AND epoch >= ? ORDER BY epoch DESC LIMIT 1",
            (statement.lab, *_name(statement)),
        ).fetchone()
        if row is None:
            db.execute(
                "INSERT INTO peer_epoch_keys (lab, agreement, match_key, epoch, statement, seen)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (statement.lab, *_name(statement), statement.text(), self._desk.now()),
            )
        elif row[0] > statement.epoch:
            raise InvalidProof(
                f"{statement.lab} shows the key of an epoch of {statement.match_key} that is over"
            )
        else:
            check_same(KeyStatement.from_text(row[1]), statement)


def _name(statement: KeyStatement) -> tuple[bytes, str, int]:
    return bytes.fromhex(statement.agreement), statement.match_key, statement.epoch


def _allows(db: sqlite_utils.Database, statement: KeyStatement, lane: KeyedLane) -> bool:
    try:
        evaluations, tags = lane.changes or (lane.receiver_size, lane.sender_size)
        _after(db, statement, Cost(evaluations, tags, full=lane.changes is None))
    except EngineFault:
        return False
    return True


def _newest(db: sqlite_utils.Database, sql: str, values: Sequence[object]) -> KeyStatement | None:
    row = db.execute(sql, values).fetchone()
    return None if row is None else KeyStatement.from_text(row[0])


def _after(db: sqlite_utils.Database, statement: KeyStatement, cost: Cost) -> EpochUse:
    """The use of our key after one more run; raises EngineFault when its epoch has to end first.

    A full run evaluates before the barrier: to a receiver that holds tags of this key already that would be a result
    without a pre-record. So a key serves one; incremental runs evaluate after the barrier.
    """
    use = _use(db, statement)
    if use is None:
        raise EngineFault(f"epoch {statement.epoch} of {statement.match_key} has ended")
    if cost.full and use.tags:
        raise EngineFault(f"epoch {statement.epoch} of {statement.match_key} has served its one full run")
    return use.after(statement, evaluations=cost.evaluations, tags=cost.tags)


def _use(db: sqlite_utils.Database, statement: KeyStatement) -> EpochUse | None:
    """None when the epoch has ended, and its secret is destroyed."""
    row = db.execute(
        "SELECT evaluations, tags FROM epoch_keys WHERE agreement = ? AND match_key = ? AND epoch = ?"
        " AND secret IS NOT NULL",
        _name(statement),
    ).fetchone()
    return None if row is None else EpochUse(*row)
