"""Own actors that a peer suspects too: listed, judged, counted, exported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import get_args

from sqlite_utils import Database

from psi_core.errors import InputError, NotFound
from psi_core.kinds.match_key import MatchKey
from psi_core.kinds.strength import RARITY_RULES, STRENGTH_RULES
from psi_core.log.entry import EntryKind
from psi_service import sealing
from psi_service.actors.reference import clean_reference
from psi_service.clock import Clock, instant
from psi_service.log.node_log import NodeLog
from psi_service.matches.export import csv_rows
from psi_service.matches.facts import Scope, read_facts, read_matrix
from psi_service.matches.own_values import matched_values, read_matched
from psi_service.matches.rows import build_rows
from psi_service.matches.views import MatchedValues, MatchRow, Matrix, MatrixRow, OwnValue, RuleView, Status
from psi_service.store.database import Store

CurrentKey = Callable[[], Awaitable[tuple[str, bytes]]]
"""Gives key id and 32-byte consortium key; raises NotFound when the node is in no consortium."""

_MARK = """
    UPDATE matches SET status = ?, noted = ? WHERE peer = ? AND actor = ? AND (? IS NULL OR match_key = ?)
"""


class MatchService:
    """Reads and judges matches. References are unsealed with the data key for display alone."""

    def __init__(
        self, store: Store, log: NodeLog, clock: Clock, *, data_key: bytes, current_key: CurrentKey
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._data_key = data_key
        self._current_key = current_key

    async def list(
        self,
        *,
        peer: str | None = None,
        session: str | None = None,
        status: Status | None = None,
        include_false_positives: bool = False,
        only_new: bool = False,
    ) -> tuple[MatchRow, ...]:
        """One row for each own actor and peer, strongest first.

        `session`: only what this completed session matched, `new` then meaning that it was the first to.
        `status` false positive shows them without being asked twice. Raises InputError, NotFound for a
        session.
        """
        if status is not None:
            _check_status(status)
        shown = include_false_positives or status == "false positive"

        def read(db: Database) -> tuple[MatchRow, ...]:
            if session is not None:
                _check_session(db, session)
            return self._rows(db, Scope(peer, None, session), shown)

        rows = await self._store.query(read)
        return tuple(
            row for row in rows if (status is None or row.status == status) and (row.new or not only_new)
        )

    async def show(self, reference: str) -> tuple[MatchRow, ...]:
        """What matched for one own actor, a row for each peer, false positives too.

        Raises NotFound when there is no such actor; InputError for what cannot be a reference.
        """
        lookup = self._lookup(reference)
        return await self._store.query(
            lambda db: self._rows(db, Scope(actor=_actor(db, lookup)), include_false_positives=True)
        )

    async def mark(self, reference: str, peer: str, status: Status, match_key: str | None = None) -> MatchRow:
        """Say what an analyst found out about an own actor's match with a peer; returns the row as it is now.

        Without `match_key`, about every match key of theirs that matched. A false positive is not shown
        again, also when the same match key matches on another value later. Raises NotFound when nothing of
        that kind matched; InputError, InvalidMatchKey.
        """
        _check_status(status)
        if match_key is not None:
            MatchKey.parse(match_key)
        lookup = self._lookup(reference)
        noted = instant(self._clock())

        def change(db: Database) -> int:
            actor = _actor(db, lookup)
            if db.conn.execute(_MARK, (status, noted, peer, actor, match_key, match_key)).rowcount == 0:
                raise NotFound(
                    "nothing of this actor matched with this lab"
                    + ("" if match_key is None else " under this match key")
                    + "; `psi matches --all` lists what did"
                )
            return actor

        # Read afterwards: the writer thread has debits to write.
        scope = Scope(peer, await self._store.transaction(change))
        rows = await self._store.query(lambda db: self._rows(db, scope, include_false_positives=True))
        if not rows:
            raise NotFound("the actor was erased a moment ago")
        return rows[0]

    async def matrix(self) -> Matrix:
        """Peers by match keys: how many own actors matched, false positives left out."""
        cells, actors = await self._store.query(read_matrix)
        names = tuple(sorted({name for row in cells.values() for name in row}))
        return Matrix(
            match_keys=names,
            peers=tuple(
                MatrixRow(
                    peer=peer,
                    actors=actors[peer],
                    by_match_key={name: cells[peer].get(name, 0) for name in names},
                )
                for peer in sorted(cells)
            ),
        )

    async def export(
        self, by: str, *, peer: str | None = None, session: str | None = None, status: Status | None = None
    ) -> Sequence[dict[str, str]]:
        """What `list` shows, as rows of a CSV file (export.COLUMNS); the log notes who took it, not how much.

        Raises as `list` does; NodeRefusing.
        """
        rows = await self.list(peer=peer, session=session, status=status)
        await self._note_export(by, peer, "rows")
        return csv_rows(rows)

    async def values(
        self,
        by: str,
        rows: Sequence[OwnValue],
        *,
        peer: str | None = None,
        region: str | None = None,
        include_false_positives: bool = False,
    ) -> MatchedValues:
        """Which values of the lab's own file matched; the log notes who asked, not for what.

        `region` is the default of national phone numbers, as at import. Rows are only compared with what
        matched for the actor that they name. Raises NotFound without a consortium key; NodeRefusing.
        """
        _, consortium_key = await self._current_key()
        actors = await self._store.query(
            lambda db: read_matched(db, peer, include_false_positives=include_false_positives)
        )
        await self._note_export(by, peer, "values")
        return await asyncio.to_thread(
            matched_values,
            actors,
            rows,
            data_key=self._data_key,
            consortium_key=consortium_key,
            region=region,
        )

    @staticmethod
    def rules() -> tuple[RuleView, ...]:
        """The rules by which strength is judged, in their order: those that decide, then those of rarity."""
        return (
            *(RuleView(strength=rule.strength.value, words=rule.words) for rule in STRENGTH_RULES),
            *(RuleView(strength=None, words=rule.words) for rule in RARITY_RULES),
        )

    def _rows(self, db: Database, scope: Scope, include_false_positives: bool) -> tuple[MatchRow, ...]:
        facts = read_facts(db, scope, self._data_key)
        return build_rows(facts, self._data_key, include_false_positives=include_false_positives)

    def _lookup(self, reference: str) -> bytes:
        return sealing.lookup(self._data_key, clean_reference(reference))

    async def _note_export(self, by: str, peer: str | None, what: str) -> None:
        body = {"action": "matches-exported", "by": by, "what": what, "of": peer or "all peers"}
        await self._store.transaction(lambda db: self._log.append(db, EntryKind.ADMIN, body))


def _check_status(status: str) -> None:
    known = get_args(Status)
    if status not in known:
        raise InputError(f"a match's status is one of: {', '.join(known)}")


def _check_session(db: Database, session: str) -> None:
    row = db.conn.execute("SELECT state FROM sessions WHERE session_id = ?", (session,)).fetchone()
    if row is None:
        raise NotFound("there is no session of this id; see `psi sessions list`")
    if row[0] != "complete":
        raise NotFound(f"the session has no result to show: it is {row[0]}")


def _actor(db: Database, lookup: bytes) -> int:
    row = db.conn.execute("SELECT id FROM actors WHERE lookup = ?", (lookup,)).fetchone()
    if row is None:
        raise NotFound("there is no actor of this reference: references are compared as they were imported")
    return int(row[0])
