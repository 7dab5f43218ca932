"""Writing a recovered tail down, in one transaction with the ledger that its entries tell of.

Before it is done nothing has changed, and when it is done all has: a node that is killed in between starts again from
where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlite_utils import Database

from psi_core.errors import InputError, StoreError, VerificationError
from psi_core.identity.card import Card
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.entry import Entry, EntryKind
from psi_core.log.tree import root
from psi_service.agreements.adopting import adopt_agreements
from psi_service.backup.lost_log import withhold
from psi_service.clock import instant
from psi_service.log.node_log import NodeLog
from psi_service.log.stored_tree import node_reader, store_leaf
from psi_service.recovery.tail import Found
from psi_service.sessions.catching_up import CatchingUp
from psi_service.sessions.told import Told

_END_EPOCHS = "UPDATE epoch_keys SET secret = NULL, ended = coalesce(ended, ?)"
_RECOVERED = "UPDATE restorations SET recovered = ? WHERE recovered IS NULL"


_SEEN = """
SELECT data FROM log_entries WHERE kind = 'checkpoint' AND peer = :peer
UNION ALL SELECT data FROM past_log_entries WHERE kind = 'checkpoint' AND peer = :peer
"""
_KEEP = "INSERT OR IGNORE INTO peer_checkpoints (lab, origin, size, note, received) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Asked:
    """A peer that was asked, and what its log tells of sessions and agreements that are not over here."""

    card: Card
    texts: Sequence[Told] = field(repr=False)


@dataclass(frozen=True)
class Recovered:
    """What was done: entries that came back and those of them that are hashes alone, sessions, texts logged anew.

    `withheld` counts budget lines that still count as spent: their peers were not asked.
    """

    before: int
    entries: int
    undisclosed: int
    sessions: int
    logged: int
    withheld: int
    sources: tuple[str, ...]


class Writing:
    """Inside a transaction: everything that a recovery changes."""

    def __init__(self, log: NodeLog, catching_up: CatchingUp, now: datetime) -> None:
        self._log = log
        self._catching_up = catching_up
        self._now = now

    def recover(self, db: Database, start: int, found: Found | None, asked: Sequence[Asked]) -> Recovered:
        """Append the tail, let the log grow again, and take back what its entries and the peers' logs tell.

        Raises NodeRefusing when the log does not reach its head file then.
        """
        self.append(db, found)
        self.settle_books(db)
        self._log.resume(db)
        sessions, logged = self.adopt(db, self.own_texts(db, start, asked), asked)
        result = Recovered(
            before=start,
            entries=len(found.leaves) if found else 0,
            undisclosed=found.undisclosed if found else 0,
            sessions=sessions,
            logged=logged,
            withheld=withheld(db),
            sources=found.sources if found else (),
        )
        body = {"action": "recovered", "from": start, "entries": result.entries}
        body |= {"undisclosed": result.undisclosed, "peers": [each.card.lab for each in asked]}
        self._log.append(db, EntryKind.ADMIN, body)
        return result

    def append(self, db: Database, found: Found | None) -> None:
        """Put a verified tail behind the stored log."""
        if found is None:
            return
        for number, leaf in enumerate(found.leaves):
            store_leaf(db, leaf, found.entries.get(found.start + number))
        if root(found.head.size, node_reader(db)) != found.head.root:
            raise StoreError("the recovered log does not have the root that was checked before")

    def settle_books(self, db: Database) -> None:
        """What holds for every way out: no epoch goes on, and what may have been spent counts as spent."""
        now = instant(self._now)
        db.execute(_END_EPOCHS, (now,))
        db.execute(_RECOVERED, (now,))
        withhold(db.conn, self._now)

    def own_texts(self, db: Database, start: int, asked: Sequence[Asked]) -> list[list[Told]]:
        """What the own log from entry `start` on tells, peer by peer."""
        return [self._catching_up.own(db, each.card, start) for each in asked]

    def adopt(self, db: Database, own: Sequence[Sequence[Told]], asked: Sequence[Asked]) -> tuple[int, int]:
        """Take back what the own log and the peers' logs tell; returns how many sessions, and texts logged anew."""
        sessions, logged = 0, 0
        for mine, each in zip(own, asked, strict=True):
            _keep_seen(db, each.card, instant(self._now))
            adopt_agreements(db, each.card, mine)
            # Agreements first: what ran under them is written down behind them.
            logged += adopt_agreements(db, each.card, each.texts, self._log)
            part = self._catching_up.write(db, each.card.lab, [*mine, *each.texts])
            sessions, logged = sessions + len(part.sessions), logged + part.logged
        return sessions, logged


def _keep_seen(db: Database, card: Card, now: str) -> None:
    """A peer's checkpoints that the own log holds are evidence against a fork of its log: keep them as before."""
    for (data,) in db.execute(_SEEN, {"peer": card.lab}).fetchall():
        note = str(Entry.decode(data).body.get("note")).encode()
        try:
            seen = Checkpoint.open(note, card.log_verifier)
        except (VerificationError, InputError):
            continue  # Of a log that the peer had before.
        db.execute(_KEEP, (card.lab, seen.origin, seen.size, note, now))


def withheld(db: Database) -> int:
    """How many budget lines count as spent although no record says so."""
    return int(db.execute("SELECT count(*) FROM withheld_budgets").fetchone()[0])
